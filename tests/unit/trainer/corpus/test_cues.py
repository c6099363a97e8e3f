"""Subtitles are read and cut into clips, with every word once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.corpus.sources.cues import GAP_S, Cue, CuesError, cut, read_cues

cues = st.lists(
    st.builds(
        lambda start, length, text: Cue(start, start + length, text),
        st.floats(0, 300),
        st.floats(0.1, 40),
        st.sampled_from(["hej", "du", ""]),
    )
)


@given(cues)
def test_every_cue_is_in_one_clip_and_none_is_too_long(cues: list[Cue]) -> None:
    clips = list(cut(cues, 30))
    assert sorted(map(repr, (cue for clip in clips for cue in clip))) == sorted(repr(cue) for cue in cues if cue.text)
    for clip in clips:
        assert [cue.start_s for cue in clip] == sorted(cue.start_s for cue in clip)
        assert len(clip) == 1 or max(cue.end_s for cue in clip) - clip[0].start_s <= 30
        for place in range(1, len(clip)):
            assert clip[place].start_s - max(cue.end_s for cue in clip[:place]) <= GAP_S


def test_clips_are_as_long_as_they_can_be_and_cut_at_pauses_and_music() -> None:
    spoken = [Cue(float(start), start + 9.5, "a") for start in range(0, 60, 10)]
    assert [len(clip) for clip in cut(spoken, 30)] == [3, 3]
    assert [len(clip) for clip in cut([*spoken[:2], Cue(25, 28, "b")], 30)] == [2, 1]
    assert [len(clip) for clip in cut([Cue(0, 2, "a"), Cue(2, 3, ""), Cue(3, 4, "b")], 30)] == [1, 1]


SRT = """\
1
00:00:01,500 --> 00:00:03,000
<i>Hej på dig,</i>
{\\an8}- sa han &amp; log

2
00:00:03,000 --> 00:00:04,000
[musik]

3
01:00:05,250 --> 01:00:06,000
♪ La la ♪
"""
VTT = """\
WEBVTT

NOTE a comment

00:01.500 --> 00:03.000 align:start
<v Anna>Hej <00:02.000><c>på dig,</c>
sa han &amp; log

00:03.000 --> 00:04.000
(applåder) [musik]

01:00:05.250 --> 01:00:06.000
(Hon) går
"""


@pytest.mark.parametrize(("name", "text"), [("x.srt", SRT), ("x.vtt", VTT), ("x.srt", "\ufeff" + SRT)])
def test_both_formats_are_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    first, music, last = read_cues(tmp_path / name)
    assert first == Cue(1.5, 3.0, "Hej på dig, sa han & log")
    assert music == Cue(3.0, 4.0, "", sound="(applåder) [musik]" if name == "x.vtt" else "[musik]")
    assert (last.start_s, last.end_s) == (3605.25, 3606.0)
    assert last.text == ("(Hon) går" if name == "x.vtt" else "")


SBV = """\
0:00:01.500,0:00:03.000
Hej på dig,
- sa han &amp; log

1:00:05.250,1:00:06.000
[musik]
"""


def test_sbv_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.sbv").write_text(SBV, encoding="utf-8")
    assert read_cues(tmp_path / "x.sbv") == [
        Cue(1.5, 3.0, "Hej på dig, sa han & log"),
        Cue(3605.25, 3606.0, "", sound="[musik]"),
    ]


ROLLING = """\
WEBVTT

00:00:00.000 --> 00:00:02.500 align:start position:0%
~
det<00:00:00.500><c> här är</c>

00:00:02.500 --> 00:00:02.510 align:start position:0%
det här är
~

00:00:02.510 --> 00:00:05.000 align:start position:0%
det här är
första<00:00:03.500><c> raden</c>

00:00:05.000 --> 00:00:05.010 align:start position:0%
första raden
~

00:00:05.010 --> 00:00:08.000 align:start position:0%
första raden
>> sedan
"""


def test_lines_of_rolling_subtitles_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "x.vtt").write_text(ROLLING.replace("~", " "), encoding="utf-8")
    once = [Cue(0, 2.5, "det här är"), Cue(2.51, 5, "första raden"), Cue(5.01, 8, "sedan")]
    assert read_cues(tmp_path / "x.vtt") == once
    three = "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{a}\n{b}\n{c}\n\n" for n, (a, b, c) in enumerate(ROWS))
    (tmp_path / "x.srt").write_text(three, encoding="utf-8")
    assert [cue.text for cue in read_cues(tmp_path / "x.srt")] == ["a b c", "d", "e"]


ROWS = ("abc", "bcd", "cde")


def test_repeated_words_are_kept(tmp_path: Path) -> None:
    said = ["Nej.", "Nej.", "Jo.", "Vad?", "Jo."]
    (tmp_path / "x.srt").write_text(
        "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{text}\n\n" for n, text in enumerate(said)), encoding="utf-8"
    )
    assert [cue.text for cue in read_cues(tmp_path / "x.srt")] == said


def test_a_cue_that_ends_before_it_begins_is_a_clip_of_its_own() -> None:
    found = list(cut([Cue(0, 2, "a"), Cue(2, 1, "b"), Cue(2.5, 4, "c")], 30))
    assert [[cue.text for cue in clip] for clip in found] == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("name", "data"), [("x.srt", b"no subtitle"), ("x.vtt", b"no"), ("x.sbv", b"no\nno"), ("x.srt", b"1\n\xe5\xff")]
)
def test_invalid_subtitles_are_an_error(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CuesError):
        read_cues(tmp_path / name)
