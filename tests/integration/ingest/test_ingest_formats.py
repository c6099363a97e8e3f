"""Formats and tracks: files made by a real ffmpeg are decoded into chunks, or refused as not a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.ingest.fixture_types import Chunks, Decode, Make
from tests.integration.ingest.radio import audio_of, frequency_hz
from wire.messages import Kind, State
from wire.sources import Statuses

FORMATS = {
    "mp3": ("x.mp3", ["-b:a", "64k"]),
    "m4a": ("x.m4a", ["-c:a", "aac"]),
    "aac": ("x.aac", ["-c:a", "aac"]),
    "ogg-opus": ("x.ogg", ["-c:a", "libopus"]),
    "webm": ("x.webm", ["-c:a", "libopus"]),
    "flac-24-bit": ("x.flac", ["-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-ar", "96000"]),
    "wav-telephone": ("x.wav", ["-ar", "8000", "-c:a", "pcm_mulaw"]),
    "wav-24-bit": ("x.wav", ["-c:a", "pcm_s24le", "-ar", "44100"]),
    "ac3-5.1": ("x.ac3", ["-c:a", "ac3", "-ac", "6"]),
    "amr-like-8-khz": ("x.3gp", ["-c:a", "aac", "-ar", "8000"]),
    "aiff": ("x.aiff", []),
    "no-extension": ("x", ["-f", "mp3"]),
}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_decoded_completely(format: str, decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    name, options = FORMATS[format]
    path = make_audio(name, *options)

    job = decode(path)

    assert (job.state, job.error, job.tracks) == (State.RUNNING, "", 1)
    found = chunks("jobs/j")
    assert [(chunk.epoch, chunk.seq, chunk.last) for chunk in found] == [(1, 0, False), (1, 1, False), (1, 2, True)]
    assert [chunk.start_s for chunk in found] == [0.0, 5.0, 10.0]
    audio = audio_of(found)
    assert len(audio) / 16_000 == pytest.approx(12, abs=0.15)  # codecs pad
    assert frequency_hz(audio[16_000 : 11 * 16_000]) == pytest.approx(440, abs=1)
    assert job.duration_s == pytest.approx(len(audio) / 16_000)
    assert not path.exists()


def test_pcm_is_exact(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio(
        "x.wav", "-ar", "16000", "-ac", "1", source="anoisesrc=duration=11:sample_rate=16000:amplitude=0.5"
    )
    original = np.frombuffer(path.read_bytes()[-11 * 32_000 :], dtype="<i2")

    decode(path)

    found = chunks("jobs/j")
    assert np.array_equal(audio_of(found), original)
    assert found[1].lead_samples == found[0].tail_samples >= 8_000
    lead = found[1].lead_samples * 2
    assert found[1].pcm[:lead] == found[0].pcm[-lead:]


def test_default_track_of_two_is_captioned(decode: Decode, make_audio: Make, chunks: Chunks, redis_client: Any) -> None:
    job = decode(two_tracks(make_audio))
    assert job.tracks == 2
    assert frequency_hz(audio_of(chunks("jobs/j"))[: 5 * 16_000]) == pytest.approx(700, abs=1)
    assert Statuses(redis_client).get(Kind.JOB, "j").detail == "audio track 1 of 2, counted from 0 (swe, Svenska)"


def test_requested_track_of_two_is_captioned(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    job = decode(two_tracks(make_audio), track=0)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert frequency_hz(audio_of(chunks("jobs/j"))[: 5 * 16_000]) == pytest.approx(300, abs=1)


def test_missing_track_is_an_error(decode: Decode, make_audio: Make) -> None:
    assert decode(two_tracks(make_audio), track=2).error == "there is no audio track 2; it has 2, counted from 0"


def two_tracks(make_audio: Make) -> Path:
    inputs = (
        "-f",
        "lavfi",
        "-i",
        "sine=300:d=6",
        "-f",
        "lavfi",
        "-i",
        "sine=700:d=6",
    )
    tags = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=swe", "-metadata:s:a:1", "title=Svenska"]
    defaults = ["-disposition:a:0", "0", "-disposition:a:1", "default"]
    return make_audio("x.mkv", "-map", "0:a", "-map", "1:a", *tags, *defaults, inputs=inputs)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("x.mkv", "flac"), ("x.mp4", "aac"), ("x.ts", "aac"), ("x.webm", "libopus"), ("x.ogv", "libvorbis")],
)
def test_late_track_stays_synchronised_with_the_video(
    name: str, codec: str, decode: Decode, make_audio: Make, chunks: Chunks
) -> None:
    inputs = ("-f", "lavfi", "-i", "color=size=64x64:duration=9", "-itsoffset", "4")
    path = make_audio(name, "-c:a", codec, inputs=(*inputs, "-f", "lavfi", "-i", "sine=frequency=440:duration=5"))
    assert decode(path).state is State.RUNNING
    audio = audio_of(chunks("jobs/j"))
    loud = np.flatnonzero(np.abs(audio) > 100)
    assert loud[0] / 16_000 == pytest.approx(4, abs=0.1)
    assert len(audio) / 16_000 == pytest.approx(9, abs=0.1)


@pytest.mark.parametrize(("name", "codec"), [("x.mp3", "mp3"), ("x.ts", "aac"), ("x.mkv", "ac3")])
def test_changes_of_rate_and_channels_keep_times(
    name: str, codec: str, decode: Decode, make_audio: Make, chunks: Chunks
) -> None:
    """As in a podcast with inserted advertisements, or a film on TV."""
    made = ["-b:a", "128k", "-c:a", codec, "-f", {"aac": "mpegts"}.get(codec, codec)]
    talk = make_audio("talk", *made, "-ar", "44100", "-ac", "2").read_bytes()
    spot = make_audio("spot", *made, "-ar", "48000", "-ac", "1", source="sine=frequency=700:duration=12").read_bytes()
    path = make_audio(name)
    path.write_bytes(talk + spot + talk + spot)
    if name == "x.mkv":
        joined = path.rename(path.with_suffix(".ac3"))
        path = make_audio(name, "-c", "copy", inputs=("-i", str(joined)))

    job = decode(path)

    assert (job.state, job.error, job.warning) == (State.RUNNING, "", "")
    assert job.duration_s == pytest.approx(48, abs=1)
    audio = audio_of(chunks("jobs/j"))
    heard = [frequency_hz(audio[begin : begin + 10 * 16_000]) for begin in range(16_000, 48 * 16_000, 12 * 16_000)]
    assert heard == pytest.approx([440, 700, 440, 700], abs=1)


def test_programmes_of_a_transport_stream_have_separate_clocks(
    decode: Decode, make_audio: Make, chunks: Chunks
) -> None:
    inputs = ("-f", "lavfi", "-i", "sine=300:d=6", "-itsoffset", "5000", "-f", "lavfi", "-i", "sine=700:d=6")
    programmes = ["-program", "title=one:st=0", "-program", "title=two:st=1", "-max_interleave_delta", "1"]
    job = decode(make_audio("x.ts", "-map", "0", "-map", "1", "-c:a", "aac", *programmes, inputs=inputs), track=1)
    assert (job.state, job.error, job.duration_s) == (State.RUNNING, "", pytest.approx(6, abs=0.1))
    assert frequency_hz(audio_of(chunks("jobs/j"))[: 5 * 16_000]) == pytest.approx(700, abs=1)


def test_joined_transport_stream_has_the_length_of_its_audio(decode: Decode, make_audio: Make) -> None:
    path = make_audio("x.ts", "-c:a", "aac")
    path.write_bytes(path.read_bytes() + make_audio("y.ts", "-c:a", "aac", "-output_ts_offset", "80000").read_bytes())
    job = decode(path)
    assert (job.state, job.error, job.warning) == (State.RUNNING, "", "")
    assert job.duration_s == pytest.approx(24, abs=0.3)


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("x.mp3", b"", "the file is empty (0 bytes)"),
        ("x.txt", b"This is a text and not a recording.\n" * 200, "it is not a recording"),
        ("x.mp3", b"<!DOCTYPE html><html><body>No such file</body></html>" * 50, "it is a web page"),
        ("x.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nfile:///etc/hostname\n", "it is not a recording"),
        ("x.wav", b"ffconcat version 1.0\nfile /etc/hostname\n", "it is not a recording"),
        ("x.srt", b"1\n00:00:00,000 --> 00:00:02,000\nHello\n", "it is not a recording"),
        ("x.bin", bytes(range(256)) * 400, "it is not a recording"),
    ],
)
def test_other_files_are_refused_as_not_a_recording(
    name: str, body: bytes, says: str, decode: Decode, tmp_path: Path, chunks: Chunks, redis_client: Any
) -> None:
    path = tmp_path / name
    path.write_bytes(body)
    job = decode(path)
    assert job.state is State.FAILED
    assert job.error.startswith(says)
    assert chunks("jobs/j") == []
    assert not path.exists()
    status = Statuses(redis_client).get(Kind.JOB, "j")
    assert (status.state, status.detail) == (State.FAILED, job.error)


@pytest.mark.parametrize("name", ["x.mp3", "x.aac", "x.flac"])
def test_random_bytes_are_refused_as_not_a_recording(name: str, decode: Decode, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(300_000))
    job = decode(tmp_path / name)
    no_audio = "it contains no audio: it is damaged or not a recording; check whether a player plays it"
    assert (job.state, job.error) == (State.FAILED, no_audio)


def test_random_bytes_that_resemble_frames_are_refused_as_not_a_recording(
    decode: Decode, tmp_path: Path, chunks: Chunks
) -> None:
    (tmp_path / "x.mp3").write_bytes(
        np.random.default_rng(1).bytes(300_000)
    )  # a tenth of a second is decoded from them
    job = decode(tmp_path / "x.mp3")
    assert job.state is State.FAILED
    assert job.error.startswith("it is not a recording in a format")
    assert chunks("jobs/j") == []


def test_video_without_sound_is_an_error(decode: Decode, make_audio: Make) -> None:
    job = decode(make_audio("x.mp4", source="testsrc=duration=2:size=64x64"))
    assert (job.state, job.error) == (
        State.FAILED,
        "it has no audio track, only video; send a recording with audio",
    )


def test_picture_is_an_error(decode: Decode, make_audio: Make) -> None:
    job = decode(make_audio("x.png", "-frames:v", "1", source="testsrc=size=64x64"))
    assert job.state is State.FAILED


def test_video_with_sound_is_captioned(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    inputs = ("-f", "lavfi", "-i", "testsrc=duration=6:size=64x64", "-f", "lavfi", "-i", "sine=duration=6")
    assert decode(make_audio("x.mp4", "-shortest", inputs=inputs)).state is State.RUNNING
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(6, abs=0.1)
