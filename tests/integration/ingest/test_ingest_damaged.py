"""Damaged uploads: the decodable parts are captioned, with correct times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest.context import Context
from ingest.media.mp3 import find_damage, find_holes, repair
from ingest.recordings.attempt import Interrupted
from ingest.recordings.recording import Locator
from tests.integration.ingest.fixture_types import Chunks, Decode, Make
from tests.integration.ingest.radio import audio_of
from wire.messages import Job, State

#: 12 s of noise, with a tone from 8 s on.
TONE_FROM_8_S = "aevalsrc='if(lt(t,8),0.2*(random(0)-0.5),0.4*sin(2*PI*700*t))':s=44100:d=12"


@pytest.mark.parametrize(("name", "lost_s"), [("x.mp3", 2.0), ("x.mp3", 0.5), ("x.ogg", 3.0), ("x.flac", 3.0)])
def test_recording_damaged_in_the_middle_is_captioned_with_a_warning(
    name: str, lost_s: float, decode: Decode, make_audio: Make, chunks: Chunks
) -> None:
    path = make_audio(name)
    whole = path.read_bytes()
    lost = np.random.default_rng(1).bytes(int(len(whole) * lost_s / 12))
    begin = len(whole) // 3
    path.write_bytes(whole[:begin] + lost + whole[begin + len(lost) :])
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert len(audio_of(chunks("jobs/j"))) / 16_000 > 8
    damaged = "the recording is damaged: parts of it could not be decoded, the rest is captioned ("
    assert job.warning.startswith(damaged)
    assert job.warning.count("Invalid data") <= 1


def test_tag_after_the_audio_is_not_damage(decode: Decode, make_audio: Make) -> None:
    path = make_audio("x.mp3")
    lyrics = b"LYRICSBEGIN" + b"la la la " * 200 + b"001811LYRICS200"
    path.write_bytes(path.read_bytes() + lyrics + b"TAG" + bytes(125))
    job = decode(path)
    assert (job.error, job.warning) == ("", "")


def overwritten(whole: bytes, begin: int, end: int) -> bytes:
    return whole[:begin] + np.random.default_rng(1).bytes(end - begin) + whole[end:]


def zeroed(whole: bytes, begin: int, end: int) -> bytes:
    return whole[:begin] + bytes(end - begin) + whole[end:]


def cut_out(whole: bytes, begin: int, end: int) -> bytes:
    return whole[:begin] + whole[end:]


@pytest.mark.parametrize(
    ("name", "options", "damage"),
    [
        ("x.mp3", ["-b:a", "64k"], overwritten),
        ("x.mp3", ["-b:a", "64k", "-ar", "22050"], zeroed),
        ("x.mp3", ["-b:a", "64k", "-write_xing", "0"], overwritten),  # without a count of frames
        ("x.mp3", ["-q:a", "4"], zeroed),
        ("x.mp3", ["-q:a", "4"], cut_out),
        ("x.m4a", ["-c:a", "aac"], overwritten),
        ("x.mkv", ["-c:a", "aac", "-cluster_time_limit", "500"], cut_out),
        ("x.webm", ["-c:a", "libopus", "-cluster_time_limit", "500"], zeroed),
        ("x.ogg", ["-c:a", "libopus"], cut_out),
        ("x.ogg", ["-c:a", "libvorbis"], overwritten),
        ("x.flac", [], cut_out),
    ],
)
def test_audio_after_damage_keeps_its_time(
    name: str,
    options: list[str],
    damage: Callable[[bytes, int, int], bytes],
    decode: Decode,
    make_audio: Make,
    chunks: Chunks,
) -> None:
    path = make_audio(name, *options, source=TONE_FROM_8_S)
    whole = path.read_bytes()
    path.write_bytes(damage(whole, len(whole) // 4, len(whole) // 2))
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert job.duration_s == pytest.approx(12, abs=0.15)
    assert tone_begins_s(audio_of(chunks("jobs/j"))) == pytest.approx(8, abs=0.11)  # aresample tolerates 0.1 s
    assert not list(path.parent.glob("uploads/*"))


def tone_begins_s(audio: np.ndarray, hz: float = 700) -> float:
    """Start of the tone that lasts until 11.5 s."""
    pieces = audio[: int(11.5 * 16_000)].reshape(-1, 160)  # 10 ms
    strength = np.abs(pieces @ np.exp(-2j * np.pi * hz * np.arange(160) / 16_000))
    return float(np.flatnonzero(strength < strength[-100:].mean() / 2)[-1] + 1) / 100


@pytest.mark.parametrize("place", ["twice", "in the middle of a joined file"])
def test_two_damaged_places_are_filled_by_their_size(
    place: str, decode: Decode, make_audio: Make, chunks: Chunks
) -> None:
    whole = make_audio("x.mp3", "-b:a", "64k", source=TONE_FROM_8_S).read_bytes()
    hurt = zeroed(overwritten(whole, 16_000, 24_000), 32_000, 48_000)
    path = make_audio("y.mp3", "-b:a", "64k")
    path.write_bytes(hurt if place == "twice" else hurt + path.read_bytes())
    job = decode(path)
    assert "(3." in job.warning
    assert "s are silent)" in job.warning
    assert tone_begins_s(audio_of(chunks("jobs/j"))) == pytest.approx(8, abs=0.11)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("quality", [["-b:a", "64k"], ["-q:a", "0"], ["-b:a", "48k", "-abr", "1"]])
@pytest.mark.parametrize("channels", ["1", "2"])
def test_intact_mp3_is_left_unchanged(rate_hz: int, quality: list[str], channels: str, make_audio: Make) -> None:
    whole = make_audio("x.mp3", *quality, "-ar", str(rate_hz), "-ac", channels).read_bytes()
    picture = b"ID3\x04\0\0" + bytes((0, 0, 100, 0)) + np.random.default_rng(1).bytes(12_800)
    tag = b"TAG" + bytes(125)
    for body in (whole, whole + whole, picture + whole + tag + picture + whole + tag, whole + b"LYRICSBEGIN..." + tag):
        assert find_holes(body) == []


#: Noise, with large frames, and from 4 s on silence, with small ones.
SILENCE_FROM_4_S = "aevalsrc='if(lt(t,4),random(0)-0.5,0)':s=44100:d=60"


def hurt_mp3(make_audio: Make) -> Path:
    path = make_audio("x.mp3", "-q:a", "0", source=SILENCE_FROM_4_S)
    whole = path.read_bytes()
    path.write_bytes(zeroed(whole, 50_000, len(whole) - 132_000))  # from within the noise to 33 s before the end
    return path


def test_inserted_silence_is_small(make_audio: Make, tmp_path: Path) -> None:
    path = hurt_mp3(make_audio)
    silence_s = repair(path, find_damage(path, lambda: None), tmp_path / "mended", most_s=3600, check=lambda: None)
    assert silence_s > 20
    assert (tmp_path / "mended").stat().st_size < 1.2 * path.stat().st_size


def test_no_more_silence_is_written_than_is_captioned(make_audio: Make, tmp_path: Path) -> None:
    path = hurt_mp3(make_audio)
    found = find_damage(path, lambda: None)
    silence_s = repair(path, found, tmp_path / "mended", most_s=9, check=lambda: None)
    assert silence_s == pytest.approx(9, abs=0.03)
    assert (tmp_path / "mended").stat().st_size < found[0].begin + 9 * 32_000 / 8 + 105


@pytest.mark.parametrize("copied", [False, True], ids=["while it is searched", "while it is copied"])
def test_repair_stops_when_the_job_ends(copied: bool, make_audio: Make, context: Context) -> None:
    path = hurt_mp3(make_audio)
    asked: list[None] = []
    find_damage(path, lambda: asked.append(None))
    most = len(asked) if copied else len(asked) // 2
    asked.clear()

    def check() -> None:
        asked.append(None)
        if len(asked) > most:
            raise Interrupted

    with pytest.raises(Interrupted):
        Locator(Job("j", 0.0, path=path.name), context, check).find()


def test_recording_that_cannot_be_repaired_is_captioned_as_is(
    decode: Decode, make_audio: Make, chunks: Chunks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.recordings.recording.SPARE_BYTES", 1 << 62)
    path = make_audio("x.mp3", "-b:a", "64k")
    path.write_bytes(zeroed(path.read_bytes(), 24_000, 48_000))
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(9, abs=0.2)
    why = "later captions may be too early, as the file could not be repaired: No space left on device"
    assert job.warning.endswith(f"the rest is captioned ({why})")
    assert not list(path.parent.glob("uploads/*"))


def test_warning_names_both_damage_and_cut(decode: Decode, make_audio: Make) -> None:
    path = make_audio("x.mp3", "-b:a", "64k")
    whole = path.read_bytes()
    path.write_bytes(zeroed(whole, 16_000, 32_000)[: len(whole) // 2 + 33])
    warning = decode(path).warning
    assert warning.startswith(
        "the recording is cut off: its header says 12.0 s; the part that exists is captioned; it is also"
    )
    assert warning.endswith(" s are silent)")
