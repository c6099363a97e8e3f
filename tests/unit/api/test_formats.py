"""SRT, WebVTT and text: strict parsers accept the output for any captions, and nothing is lost."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from api.text import formats
from api.text.cues import clean, cues
from wire.breaks import LINE_CHARACTERS, LINES
from wire.messages import Caption, Content, Word

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

TIMES = st.floats(0, 400_000, allow_nan=False)


@st.composite
def captions(draw: st.DrawFn) -> list[Caption]:
    """Captions with any times and texts, even as a broken seam could leave them."""
    found = []
    for id in range(1, draw(st.integers(0, 12)) + 1):
        start_s = draw(TIMES)
        length_s = draw(st.floats(-1, 30, allow_nan=False) | st.just(0.0))
        content = draw(st.sampled_from([Content.SPEECH, Content.SPEECH, Content.GAP]))
        text = draw(TEXTS)
        words = tuple(Word(w, draw(TIMES), 0.0) for w in text.split()) if draw(st.booleans()) else ()
        language = draw(st.sampled_from(["sv", "sv", "en", None, "<b>"]))
        found.append(Caption("jobs/x", id, 0, start_s, start_s + length_s, text, True, language, words, content))
    return found


def spoken(found: list[Caption]) -> list[str]:
    """Words in order."""
    lines = [c for c in sorted(found, key=lambda c: (c.start_s, c.id)) if c.content is not Content.GAP]
    return " ".join(clean(c.text) for c in lines).split()


@given(captions())
def test_cues_do_not_overlap_and_none_is_empty(found: list[Caption]) -> None:
    made = cues(found)
    assert all(cue.start_ms < cue.end_ms for cue in made)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(made))
    assert [word for cue in made for line in cue.text for word in line.split()] == spoken(found)
    for cue in made:
        assert 1 <= len(cue.text) <= LINES
        assert all(cue.text)
        assert all(
            len(line) <= LINE_CHARACTERS or len(words) == 1 for line, words in zip(cue.text, cue.lines, strict=True)
        )


@given(captions())
def test_srt_is_parsed_back_by_a_strict_parser(found: list[Caption]) -> None:
    text = formats.srt(found)
    text.encode()
    parsed = list(srt.parse(text, ignore_errors=False))
    made = cues(found)
    assert [s.index for s in parsed] == list(range(1, len(made) + 1))
    assert [round(s.start.total_seconds() * 1000) for s in parsed] == [cue.start_ms for cue in made]
    assert [round(s.end.total_seconds() * 1000) for s in parsed] == [cue.end_ms for cue in made]
    assert [s.content.split() for s in parsed] == [" ".join(cue.text).replace("-->", "→").split() for cue in made]


_TIME = r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING = re.compile(f"{_TIME} --> {_TIME}")
_TAG = re.compile(f"<{_TIME}>")


def milliseconds(parts: Sequence[str]) -> int:
    hours, minutes, seconds, ms = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def parse_vtt(text: str) -> tuple[list[str], list[tuple[int, int, list[str]]]]:
    """A strict parser after section 4.1 of the WebVTT specification: comments, and cues with their escaped lines."""
    header, _, rest = text.partition("\n\n")
    assert header == "WEBVTT"
    blocks = rest.rstrip("\n").split("\n\n") if rest.strip("\n") else []
    comments = []
    while blocks and blocks[0].startswith("NOTE "):
        comments.append(blocks.pop(0))
    found = []
    for block in blocks:
        timing, *lines = block.rstrip("\n").split("\n")
        match = _TIMING.fullmatch(timing)
        assert match, timing
        start_ms, end_ms = milliseconds(match.groups()[:4]), milliseconds(match.groups()[4:])
        assert lines
        assert "-->" not in "\n".join(lines)
        inside = [start_ms, *(milliseconds(tag) for tag in _TAG.findall("\n".join(lines))), end_ms]
        assert all(a < b for a, b in pairwise(inside)), "timestamps grow, between the start and the end of their cue"
        if language := re.fullmatch(r"<lang [A-Za-z0-9-]+>(.*)</lang>", "\n".join(lines), re.DOTALL):
            lines = language[1].split("\n")
        lines = [_TAG.sub("", line) for line in lines]
        for line in lines:
            assert line
            assert not re.search(r"[<>]", line)
            assert not re.search(r"&(?!amp;|lt;|gt;)", line)
        found.append((start_ms, end_ms, lines))
    assert "-->" not in "".join(comments)
    return comments, found


@given(captions())
def test_vtt_is_strict(found: list[Caption]) -> None:
    text = formats.vtt(found)
    text.encode()
    made = cues(found)
    _, parsed = parse_vtt(text)
    assert [(start, end) for start, end, _ in parsed] == [(cue.start_ms, cue.end_ms) for cue in made]
    unescaped = [
        [line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in lines] for *_, lines in parsed
    ]
    assert unescaped == [list(cue.text) for cue in made]


def heard(text: str, start_s: float, language: str = "sv", id: int = 1) -> Caption:
    """A caption with the times of its words, half a second each."""
    words = tuple(Word(w, start_s + n / 2, start_s + n / 2 + 0.4, 0.9) for n, w in enumerate(text.split()))
    return Caption("jobs/x", id, 0, start_s, words[-1].end_s, text, True, language, words)


def test_vtt_has_the_times_of_words_and_the_languages() -> None:
    found = [heard("Nu på engelska:", 1.0), heard("this is R&D.", 4.0, "en", 2), heard("Tack för i dag.", 7.0, id=3)]
    assert formats.vtt(found) == (
        "WEBVTT\n\nNOTE Language: sv, en\n\n"
        "00:00:01.000 --> 00:00:02.400\nNu <00:00:01.500>på <00:00:02.000>engelska:\n\n"
        "00:00:04.000 --> 00:00:05.400\n<lang en>this <00:00:04.500>is <00:00:05.000>R&amp;D.</lang>\n\n"
        "00:00:07.000 --> 00:00:08.900\nTack <00:00:07.500>för <00:00:08.000>i <00:00:08.500>dag.\n"
    )


def test_words_before_their_cue_are_shown_from_its_start() -> None:
    hasty = Caption("jobs/x", 1, 0, 0.0, 2.8, "Polisen i Sundsvall söker en man i en stulen bil...", True, "sv")
    slow = "Han är efterlyst, och i natt har han synts i Timrå."
    words = tuple(Word(w, 2.8 + n * 0.15, 2.9 + n * 0.15) for n, w in enumerate(slow.split()))
    found = [hasty, Caption("jobs/x", 2, 0, 2.8, 7.0, slow, True, "sv", words)]
    assert formats.vtt(found).endswith(
        "00:00:03.000 --> 00:00:07.000\nHan är <00:00:03.100>efterlyst,\n<00:00:03.250>och "
        "<00:00:03.400>i <00:00:03.550>natt <00:00:03.700>har <00:00:03.850>han <00:00:04.000>synts "
        "<00:00:04.150>i <00:00:04.300>Timrå.\n"
    )


@given(captions())
def test_vtt_is_read_by_another_library(found: list[Caption]) -> None:
    parsed = webvtt.from_buffer(io.StringIO(formats.vtt(found)))
    made = cues(found)
    assert [c.start_time.in_milliseconds() for c in parsed.captions] == [cue.start_ms for cue in made]
    assert [c.end_time.in_milliseconds() for c in parsed.captions] == [cue.end_ms for cue in made]
    assert [html.unescape(c.text) for c in parsed.captions] == ["\n".join(cue.text) for cue in made]


def test_example_files() -> None:
    found = [
        Caption("jobs/x", 1, 1, 0.5, 2.25, "God morgon, klockan är åtta.", True),
        Caption("jobs/x", 2, 0, 3.0, 4.0, "", False),
        Caption("jobs/x", 3, 0, 5.0, 9.0, "", True, content=Content.GAP, reason="shed"),
        Caption("jobs/x", 4, 0, 9.5, 12.0, "Regnet drar bort österut under dagen, och i kväll klarnar det upp.", True),
    ]
    assert formats.srt(found) == (
        "1\n00:00:00,500 --> 00:00:02,250\nGod morgon, klockan är åtta.\n\n"
        "2\n00:00:09,500 --> 00:00:13,383\nRegnet drar bort österut under dagen,\noch i kväll klarnar det upp.\n"
    )
    assert formats.vtt(found) == (
        "WEBVTT\n\nNOTE Not captioned:\n00:00:05.000 to 00:00:09.000\n\n"
        "00:00:00.500 --> 00:00:02.250\nGod morgon, klockan är åtta.\n\n"
        "00:00:09.500 --> 00:00:13.383\nRegnet drar bort österut under dagen,\noch i kväll klarnar det upp.\n"
    )
    assert formats.txt(found) == (
        "God morgon, klockan är åtta.\n\n[0:00:04 not captioned]\n\n"
        "Regnet drar bort österut under dagen, och i kväll klarnar det upp.\n"
    )


def test_gaps_as_long_as_a_pause_and_those_before_the_file_are_not_noted() -> None:
    def gap(start_s: float, end_s: float) -> Caption:
        return Caption("stations/x", 2, 0, start_s, end_s, "", True, content=Content.GAP, reason="shed")

    said = [Caption("stations/x", id, 0, 100.0 + id, 101.0 + id, f"Rad {id}.", True) for id in (1, 3)]
    assert formats.txt([said[0], gap(102.0, 103.0), said[1]]) == "Rad 1.\nRad 3.\n"
    found = [gap(90.0, 99.0), gap(95.0, 101.0), *said]
    assert "NOTE Not captioned:\n00:00:00.000 to 00:00:01.000\n\n" in formats.vtt(found, 100.0)


def test_files_without_captions_are_valid() -> None:
    assert formats.srt([]) == ""
    assert formats.vtt([]).startswith("WEBVTT\n")
    assert formats.txt([]) == ""
    assert json.loads(formats.document([], {"complete": True})) == {"complete": True, "captions": []}


@given(captions())
def test_json_can_be_encoded_and_read(found: list[Caption]) -> None:
    document = json.loads(formats.document(found, {"source": "jobs/x"}).encode())
    assert [c["id"] for c in document["captions"]] == [c.id for c in found]


@pytest.mark.parametrize(
    ("text", "plain"), [("a\x00b", "a b"), (" a\r\n\tb ", "a b"), ("\ufeffa", "a"), ("\ud800a", "a")]
)
def test_unfit_characters_become_spaces(text: str, plain: str) -> None:
    assert clean(text) == plain
