"""Checks of results: word error rates, the order of live captions, and strict parsers of subtitle files."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jiwer

from benchmarks.alignment import align, caption_words, normalised, truth_words

#: A word error rate above this means that something is broken; benchmarks measure it precisely. Another model than
#: the bundled one (MODEL) may need another.
MAX_WER = float(os.environ.get("MAX_WER", "0.25"))

#: A cue: start and end in seconds, and its lines.
Cue = tuple[float, float, list[str]]

_SRT_TIME = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d),(\d{3})")
_VTT_TIME = re.compile(
    r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3}) --> (?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?: .*)?"
)


def wer(truth: str, captions: Iterable[Mapping[str, Any]]) -> float:
    """Word error rate of captions: 0 is perfect, and it may exceed 1."""
    return float(jiwer.wer(" ".join(normalised(truth)), " ".join(caption_words(captions))))


def live_wer(truth: list[dict[str, Any]], captions: Iterable[Mapping[str, Any]], start_s: float, end_s: float) -> float:
    """Word error rate of what was said between two times."""
    found = align(truth_words(truth, start_s, end_s), caption_words(captions))
    errors = list(found.by_language().values())
    total = sum(errors[1:], errors[0])
    assert total.words > 20, "too little was said"
    return (total.wer_percent or 0.0) / 100


def lost_steps(
    truth: list[dict[str, Any]], captions: Iterable[Mapping[str, Any]], start_s: float, end_s: float
) -> set[int]:
    """Steps of five seconds in which there was speech but no captions."""
    return align(truth_words(truth, start_s, end_s), caption_words(captions)).lost_steps(start_s, 5.0)


def check_order(captions: Sequence[Mapping[str, Any]]) -> None:
    """Check captions received over one socket: every event once and in order; a final caption never changes again.

    Partial captions have no event of their own, and carry the number of the newest one.
    """
    events = [caption["event"] for caption in captions if not caption["partial"]]
    assert events == list(range(events[0], events[0] + len(events)))
    for before, after in itertools.pairwise(captions):
        assert not after["partial"] or after["event"] == before["event"]
    revisions: dict[int, int] = {}
    final: set[int] = set()
    for caption in captions:
        id = caption["id"]
        assert id not in final, f"caption {id} came again after it was final"
        assert caption["revision"] > revisions.get(id, -1)
        revisions[id] = caption["revision"]
        if caption["final"]:
            final.add(id)
    finals = [caption for caption in captions if caption["final"]]
    assert [c["id"] for c in finals] == sorted(c["id"] for c in finals)
    for before, after in itertools.pairwise(finals):
        assert before["start_s"] <= before["end_s"] <= after["start_s"] + 0.25, (before, after)


def parse_srt(text: str) -> list[Cue]:
    """Parse SubRip strictly: numbers from 1, HH:MM:SS,mmm, no empty cues, a blank line between cues."""
    cues: list[Cue] = []
    if not text:
        return cues
    assert text.endswith("\n")
    for number, block in enumerate(re.split(r"\n\n+", text.replace("\r\n", "\n").strip("\n")), start=1):
        lines = block.split("\n")
        assert lines[0] == str(number), f"{lines[0]!r} stands where cue {number} begins"
        match = _SRT_TIME.fullmatch(lines[1])
        assert match, f"{lines[1]!r} is not a SubRip time line"
        cues.append(_cue(match.groups(), lines[2:]))
    return _in_order(cues)


def parse_vtt(text: str) -> list[Cue]:
    """Parse WebVTT by W3C's syntax: the header and a blank line, then cues without `-->` and `<` in their text."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    header, blank, body = text.partition("\n\n")
    assert blank, "no blank line after the header"
    assert re.fullmatch(r"WEBVTT(?:[ \t][^\n]*)?(?:\n(?!.*-->)[^\n]+)*", header), f"{header!r} is not WebVTT's header"
    cues: list[Cue] = []
    for block in (
        b for b in re.split(r"\n\n+", body.strip("\n")) if b and not b.startswith(("NOTE", "STYLE", "REGION"))
    ):
        lines = block.split("\n")
        if "-->" not in lines[0]:
            lines = lines[1:]  # cue identifier
        match = _VTT_TIME.fullmatch(lines[0])
        assert match, f"{lines[0]!r} is not a WebVTT time line"
        assert not any(
            "-->" in line or re.search(r"<(?!/?(?:[cibuv]|ruby|rt|lang|\d)[. >\d])", line) for line in lines[1:]
        )
        assert not any(re.search(r"&(?!amp;|lt;|gt;|nbsp;|lrm;|rlm;|#)", line) for line in lines[1:])
        # Word times and languages are markup, which is not shown.
        cues.append(_cue(match.groups(), [re.sub(r"<[^>]*>", "", line) for line in lines[1:]]))
    return _in_order(cues)


def _cue(times: Sequence[str | None], lines: list[str]) -> Cue:
    numbers = [int(time or 0) for time in times]
    start_s, end_s = (h * 3600 + m * 60 + s + ms / 1000 for h, m, s, ms in (numbers[:4], numbers[4:]))
    assert lines, "a cue without text"
    assert all(line.strip() for line in lines)
    return start_s, end_s, lines


def _in_order(cues: list[Cue]) -> list[Cue]:
    assert all(start_s < end_s for start_s, end_s, _ in cues)
    assert [cue[0] for cue in cues] == sorted(cue[0] for cue in cues)
    return cues
