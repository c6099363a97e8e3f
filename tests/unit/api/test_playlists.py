"""Playlists of HLS, and segments whose sound and captions are on one clock."""

from __future__ import annotations

import io
from itertools import pairwise
from random import Random

import pytest
import webvtt

from api.text import playlists
from api.text.playlists import TICKS_PER_S
from wire.broadcast import Segment
from wire.messages import Caption

#: Between two times at which the players' clock wraps around.
NOON_S = 1795345200.5

CYCLE_S = 2**33 / TICKS_PER_S


def segment(n: int, *, run: int = 7, start_s: float | None = None, format: str = "mp3") -> Segment:
    return Segment(100 + n, run, NOON_S + 4 * n if start_s is None else start_s, 4.0, format, 64_000)


def caption(start_s: float, end_s: float, text: str = "Mer än tjugo studenter", *, final: bool = True) -> Caption:
    return Caption("stations/p1", round(start_s), 0, start_s, end_s, text, final=final)


def begins_at(sound: bytes) -> float:
    """When a segment's sound begins according to its tag, in seconds of the players' clock."""
    owner = b"com.apple.streaming.transportStreamTimestamp\0"
    at = sound.index(owner) + len(owner)
    return int.from_bytes(sound[at : at + 8], "big") / TICKS_PER_S


def cues(text: str) -> list[tuple[float, float, str]]:
    found = webvtt.from_buffer(io.StringIO(text))
    return [(seconds(cue.start), seconds(cue.end), cue.text.replace("\n", " ")) for cue in found]


def seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def test_a_playlist_names_the_segments_and_their_times() -> None:
    text = playlists.playlist([segment(0), segment(1), segment(2, run=8, start_s=NOON_S + 60)], "vtt")
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-MEDIA-SEQUENCE:100",
        "#EXT-X-DISCONTINUITY-SEQUENCE:7",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T11:00:00.500+00:00",
        "#EXTINF:4.00000,",
        "100.vtt",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T11:00:04.500+00:00",
        "#EXTINF:4.00000,",
        "101.vtt",
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T11:01:00.500+00:00",
        "#EXTINF:4.00000,",
        "102.vtt",
    ]
    assert playlists.playlist([segment(0, format="aac")]).splitlines()[-1] == "100.aac"


@pytest.mark.parametrize(("format", "codec"), [("mp3", "mp4a.40.34"), ("aac", "mp4a.40.2")])
def test_main_playlist_names_codec_and_captions(format: str, codec: str) -> None:
    text = playlists.main_playlist([segment(0, format=format)], "sv")
    assert f'BANDWIDTH=128000,CODECS="{codec}",SUBTITLES="captions"\nsound.m3u8\n' in text
    assert 'LANGUAGE="sv",' in text
    assert "LANGUAGE" not in playlists.main_playlist([segment(0, format=format)], None)


def test_segments_wait_for_their_captions_up_to_a_limit() -> None:
    segments = [segment(n) for n in range(10)]
    now_s = NOON_S + 42
    assert playlists.ready(segments, NOON_S + 33, now_s) == segments[:7]
    assert playlists.ready(segments, NOON_S, now_s) == segments[:3]


def test_captions_are_final_up_to_the_first_provisional_one() -> None:
    said = [caption(10, 12), caption(13, 15, final=False), caption(16, 18)]
    assert playlists.final_until(said, 20) == 13
    assert playlists.final_until(said[:1], 20) == 20
    assert playlists.final_until([], 20) == 20


def test_sound_and_captions_are_on_one_clock() -> None:
    said = [caption(NOON_S + 1, NOON_S + 3)]
    [(start_s, end_s, text)] = cues(playlists.captions(segment(0), said))
    begin_s = begins_at(playlists.sound(segment(0), b"sound"))
    assert (start_s - begin_s, text) == (pytest.approx(1, abs=0.001), "Mer än tjugo studenter")
    assert end_s - begin_s >= 3 - 0.001
    assert playlists.sound(segment(0), b"sound").endswith(b"sound")


def test_id3_tag_has_the_right_length() -> None:
    tag = playlists.sound(segment(0), b"")
    assert tag[:6] == b"ID3\4\0\0"
    assert len(tag) - 10 == sum(byte << shift for byte, shift in zip(tag[6:10], (21, 14, 7, 0), strict=True))


def test_cue_in_two_segments_is_the_same_in_both() -> None:
    said = [caption(NOON_S + n, NOON_S + n + 1.9, f"line number {n}") for n in range(0, 12, 2)]
    shown = [cues(playlists.captions(segment(n), said)) for n in range(3)]
    for before, behind in pairwise(shown):
        assert not {start_s for start_s, _, _ in before if start_s < behind[0][0]} & {cue[0] for cue in behind}
        common = {cue[2] for cue in before} & {cue[2] for cue in behind}
        assert {cue for cue in before if cue[2] in common} == {cue for cue in behind if cue[2] in common}
    assert {text for cues in shown for _, _, text in cues} == {f"line number {n}" for n in range(0, 12, 2)}


def test_cue_in_two_segments_is_the_same_in_long_fast_speech() -> None:
    random = Random(1)
    said: list[Caption] = []
    for n in range(60):
        text = " ".join([str(n), *("abcdefghi"[: random.randint(2, 9)] for _ in range(random.randint(1, 13)))])
        start_s = said[-1].end_s if said else NOON_S
        said.append(caption(start_s, start_s + len(text) / 17, text))
    known = [[c for c in said if c.start_s < segment(n).end_s + playlists._SETTLE_S] for n in range(20)]
    shown = {cue for n in range(20) for cue in cues(playlists.captions(segment(n), known[n]))}
    assert sorted({text for _, _, text in shown}) == sorted(text for _, _, text in shown)


def test_a_silent_segment_has_no_captions() -> None:
    assert cues(playlists.captions(segment(5), [caption(NOON_S + 1, NOON_S + 3)])) == []


def test_sound_and_captions_wrap_around_together() -> None:
    turn_s = (NOON_S // CYCLE_S + 1) * CYCLE_S
    said = [caption(turn_s - 3, turn_s - 1, "before"), caption(turn_s + 2, turn_s + 4, "behind")]
    before, behind = segment(0, start_s=turn_s - 4), segment(1, start_s=turn_s)
    assert begins_at(playlists.sound(before, b"")) == pytest.approx(CYCLE_S - 4, abs=0.001)
    assert begins_at(playlists.sound(behind, b"")) == pytest.approx(0, abs=0.001)
    assert [cue[2] for cue in cues(playlists.captions(before, said))] == ["before"]
    [(start_s, _, text)] = cues(playlists.captions(behind, said))
    assert (start_s, text) == (pytest.approx(2, abs=0.501), "behind")
