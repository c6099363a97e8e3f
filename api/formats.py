"""Captions as SubRip, WebVTT, plain text and JSON. Pure.

Players are strict where captions are not: cues must follow one another without overlap, none may be empty, and text
must not look like markup. SubRip has no specification; what VLC, ffmpeg and the `srt` library agree on is written.
WebVTT: https://www.w3.org/TR/webvtt1/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wire.messages import Caption, Content

#: Longest line, in characters, and lines of a cue: the usual limits of broadcasters.
LINE_CHARACTERS = 42
LINES = 2

#: A pause that begins a new paragraph in plain text, in seconds.
PARAGRAPH_S = 2.0

# Control characters, line separators, and what UTF-8 cannot carry.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Cue:
    """Text with its times in whole milliseconds."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """One way to take captions away.

    `render` takes captions in their newest revision, and the time that counts as zero.
    """

    media_type: str
    render: Callable[[Sequence[Caption], float], str]


def clean(text: str) -> str:
    """One line of text that any format can carry."""
    return " ".join(_UNFIT.sub(" ", text).split())


def cues(captions: Iterable[Caption], origin_s: float = 0.0) -> list[Cue]:
    """Cues in order: each ends before or when the next begins, and none is empty.

    Args:
        origin_s: the time that counts as zero; what lies before it begins at zero.
    """
    found: list[Cue] = []
    for caption in sorted(captions, key=lambda c: (c.start_s, c.id)):
        if caption.content is Content.GAP:
            continue
        for start_s, end_s, lines in _split(caption):
            start_ms = max(0, round((start_s - origin_s) * 1000))
            cue = Cue(start_ms, max(start_ms + 1, round((end_s - origin_s) * 1000)), lines)
            if found and found[-1].end_ms > cue.start_ms:
                cue = _after(found, cue)
            found.append(cue)
    return found


def srt(captions: Sequence[Caption], origin_s: float = 0.0) -> str:
    """SubRip."""
    blocks = (
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n"
        # SubRip cannot escape; an arrow of one character is read alike and parses as text.
        + "".join(f"{line.replace('-->', '→')}\n" for line in cue.lines)
        for number, cue in enumerate(cues(captions, origin_s), start=1)
    )
    return "\n".join(blocks)


def vtt(captions: Sequence[Caption], origin_s: float = 0.0) -> str:
    """WebVTT. Its grammar asks for a blank line behind the header even where no cue follows."""
    blocks = (
        f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n"
        + "".join(f"{_escape(line)}\n" for line in cue.lines)
        for cue in cues(captions, origin_s)
    )
    return "WEBVTT\n\n" + "\n".join(blocks)


def txt(captions: Sequence[Caption], origin_s: float = 0.0) -> str:
    """Plain text: a line for each caption, an empty line where there was a pause or audio was lost."""
    lines: list[str] = []
    end_s: float | None = None
    for caption in sorted(captions, key=lambda c: (c.start_s, c.id)):
        text = clean(caption.text)
        if not text:
            continue
        if end_s is not None and caption.start_s - end_s >= PARAGRAPH_S:
            lines.append("")
        lines.append(text)
        end_s = caption.end_s
    return "".join(f"{line}\n" for line in lines)


def document(captions: Sequence[Caption], about: Mapping[str, Any]) -> str:
    """A JSON object: what is said `about` them, and the captions with their times on the source's own clock."""
    return dumps({**about, "captions": [caption.as_dict() for caption in captions]})


def dumps(values: Any) -> str:
    """JSON that UTF-8 can carry, lone surrogates of a text included."""
    text = json.dumps(values, ensure_ascii=False)
    return text.encode(errors="replace").decode()


#: By the ending of the file's name; `document` makes the fourth, json.
FORMATS = {
    "srt": Format("application/x-subrip", srt),
    "vtt": Format("text/vtt", vtt),
    "txt": Format("text/plain", txt),
}


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _after(found: list[Cue], cue: Cue) -> Cue:
    """Make room for `cue` behind the last one: that one ends earlier, or else this one begins later."""
    last = found[-1]
    if last.start_ms < cue.start_ms:
        found[-1] = replace(last, end_ms=cue.start_ms)
        return cue
    return replace(cue, start_ms=last.end_ms, end_ms=max(cue.end_ms, last.end_ms + 1))


def _split(caption: Caption) -> list[tuple[float, float, tuple[str, ...]]]:
    """A caption as screens of `LINES` lines, each with its part of the time, in proportion to its characters."""
    lines = _wrap(clean(caption.text))
    screens = [tuple(lines[i : i + LINES]) for i in range(0, len(lines), LINES)]
    total = sum(map(len, lines))
    parts, characters = [], 0
    span_s = max(0.0, caption.end_s - caption.start_s)
    for screen in screens:
        start_s = caption.start_s + span_s * characters / total
        characters += sum(map(len, screen))
        parts.append((start_s, caption.start_s + span_s * characters / total, screen))
    return parts


def _wrap(text: str) -> list[str]:
    """Lines of up to LINE_CHARACTERS, broken at spaces, about equally long; a longer word has a line for itself."""
    words = text.split()
    if not words:
        return []
    count = -(-len(text) // LINE_CHARACTERS)
    width = min(LINE_CHARACTERS, -(-len(text) // count) + 6)
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
