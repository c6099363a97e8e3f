"""SRT, WebVTT and text: whatever captions hold, strict parsers accept what comes out, and nothing is lost."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise

import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from api import formats
from wire.messages import Caption, Content

TEXTS = st.text(st.characters(), max_size=200) | st.sampled_from(
    [
        "-->",
        "a --> b",
        "<b>fet</b>",
        "R&D & <i>",
        "\n\n1\n",
        "WEBVTT",
        "NOTE x",
        "{\\an8}",
        "\ud800",
        "&lt;",
        "\u2028",
        "åäö",
    ]
)


@st.composite
def captions(draw: st.DrawFn) -> list[Caption]:
    """Captions with any times and texts, as even a broken seam could leave them."""
    found = []
    for id in range(1, draw(st.integers(0, 12)) + 1):
        start_s = draw(st.floats(0, 400_000, allow_nan=False))
        length_s = draw(st.floats(-1, 30, allow_nan=False) | st.just(0.0))
        content = draw(st.sampled_from([Content.SPEECH, Content.SPEECH, Content.GAP]))
        found.append(Caption("jobs/x", id, 0, start_s, start_s + length_s, draw(TEXTS), final=True, content=content))
    return found


def spoken(found: list[Caption]) -> list[str]:
    """Words in order."""
    lines = [c for c in sorted(found, key=lambda c: (c.start_s, c.id)) if c.content is not Content.GAP]
    return " ".join(formats.clean(c.text) for c in lines).split()


@given(captions())
def test_cues_follow_one_another_and_none_is_empty(found: list[Caption]) -> None:
    cues = formats.cues(found)
    assert all(cue.start_ms < cue.end_ms for cue in cues)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(cues))
    assert all(1 <= len(cue.lines) <= formats.LINES and all(cue.lines) for cue in cues)
    assert [word for cue in cues for line in cue.lines for word in line.split()] == spoken(found)


@given(captions())
def test_lines_are_short_unless_a_word_is_long(found: list[Caption]) -> None:
    for cue in formats.cues(found):
        assert all(len(line) <= formats.LINE_CHARACTERS or " " not in line for line in cue.lines)


@given(captions())
def test_srt_is_parsed_back_by_a_strict_parser(found: list[Caption]) -> None:
    text = formats.srt(found)
    text.encode()
    parsed = list(srt.parse(text, ignore_errors=False))
    cues = formats.cues(found)
    assert [s.index for s in parsed] == list(range(1, len(cues) + 1))
    assert [round(s.start.total_seconds() * 1000) for s in parsed] == [cue.start_ms for cue in cues]
    assert [round(s.end.total_seconds() * 1000) for s in parsed] == [cue.end_ms for cue in cues]
    assert [s.content.split() for s in parsed] == [" ".join(cue.lines).replace("-->", "→").split() for cue in cues]


_TIMING = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})")


def parse_vtt(text: str) -> list[tuple[int, int, list[str]]]:
    """Section 6.1 of the WebVTT specification, without mercy: cues with their raw lines."""
    header, _, rest = text.partition("\n\n")
    assert header == "WEBVTT"
    found = []
    for block in rest.split("\n\n") if rest.strip("\n") else []:
        timing, *lines = block.rstrip("\n").split("\n")
        match = _TIMING.fullmatch(timing)
        assert match, timing
        hours, minutes, seconds, ms, *end = map(int, match.groups())
        start_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
        end_ms = ((end[0] * 60 + end[1]) * 60 + end[2]) * 1000 + end[3]
        assert lines
        assert all(lines)
        for line in lines:
            assert "-->" not in line
            assert not re.search(r"[<>]", line)
            assert not re.search(r"&(?!amp;|lt;|gt;)", line)
        found.append((start_ms, end_ms, lines))
    return found


@given(captions())
def test_vtt_is_strict(found: list[Caption]) -> None:
    text = formats.vtt(found)
    text.encode()
    cues = formats.cues(found)
    parsed = parse_vtt(text)
    assert [(start, end) for start, end, _ in parsed] == [(cue.start_ms, cue.end_ms) for cue in cues]
    unescaped = [
        [line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in lines] for *_, lines in parsed
    ]
    assert unescaped == [list(cue.lines) for cue in cues]


def test_vtt_is_read_by_another_library() -> None:
    found = [Caption("jobs/x", 1, 0, 1, 3, "R&D <är> dyrt", True), Caption("jobs/x", 2, 0, 3600, 3602, "slut", True)]
    parsed = webvtt.from_buffer(io.StringIO(formats.vtt(found)))
    assert [(c.start, c.end) for c in parsed.captions] == [
        ("00:00:01.000", "00:00:03.000"),
        ("01:00:00.000", "01:00:02.000"),
    ]


def test_what_files_look_like() -> None:
    found = [
        Caption("jobs/x", 1, 1, 0.5, 2.25, "God morgon, klockan är åtta.", True),
        Caption("jobs/x", 2, 0, 3.0, 4.0, "", False),
        Caption("jobs/x", 3, 0, 5.0, 9.0, "", True, content=Content.GAP, reason="shed"),
        Caption("jobs/x", 4, 0, 9.5, 12.0, "Regnet drar bort österut under dagen, och i kväll klarnar det upp.", True),
    ]
    assert formats.srt(found) == (
        "1\n00:00:00,500 --> 00:00:02,250\nGod morgon, klockan är åtta.\n\n"
        "2\n00:00:09,500 --> 00:00:12,000\nRegnet drar bort österut under dagen,\noch i kväll klarnar det upp.\n"
    )
    assert formats.vtt(found) == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:02.250\nGod morgon, klockan är åtta.\n\n"
        "00:00:09.500 --> 00:00:12.000\nRegnet drar bort österut under dagen,\noch i kväll klarnar det upp.\n"
    )
    assert formats.txt(found) == (
        "God morgon, klockan är åtta.\n\nRegnet drar bort österut under dagen, och i kväll klarnar det upp.\n"
    )


def test_nothing_said_makes_files_that_are_empty_but_right() -> None:
    assert formats.srt([]) == ""
    assert formats.vtt([]).startswith("WEBVTT\n")
    assert formats.txt([]) == ""
    assert json.loads(formats.document([], {"complete": True})) == {"complete": True, "captions": []}


def test_times_count_from_the_origin() -> None:
    found = [Caption("stations/x", 1, 0, 1_795_345_200.0, 1_795_345_202.5, "Ekot", True)]
    assert formats.cues(found, 1_795_345_200.0) == [formats.Cue(0, 2500, ("Ekot",))]


def test_a_long_caption_is_shown_in_parts() -> None:
    text = " ".join(f"ord{n}" for n in range(60))
    cues = formats.cues([Caption("jobs/x", 1, 0, 0.0, 20.0, text, True)])
    assert len(cues) > 2
    assert (cues[0].start_ms, cues[-1].end_ms) == (0, 20_000)


@given(captions())
def test_json_can_be_encoded_and_read(found: list[Caption]) -> None:
    document = json.loads(formats.document(found, {"source": "jobs/x"}).encode())
    assert [c["id"] for c in document["captions"]] == [c.id for c in found]


@pytest.mark.parametrize(
    ("text", "plain"), [("a\x00b", "a b"), (" a\r\n\tb ", "a b"), ("\ufeffa", "a"), ("\ud800a", "a")]
)
def test_unfit_characters_become_spaces(text: str, plain: str) -> None:
    assert formats.clean(text) == plain
