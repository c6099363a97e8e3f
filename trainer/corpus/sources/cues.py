"""Reads subtitles and joins their cues into clips, as long as they fit and follow each other closely."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import srt
import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from trainer.corpus.sources.languages import language_code
from trainer.corpus.sources.spoken import spoken

#: A gap of this many seconds between cues starts a new clip: it may contain music.
GAP_S = 2.0

#: Stands for a person as the writer of a text.
PERSON = ""

#: The language of a WebVTT file written by us, and of a cue in another language.
_LANGUAGE = re.compile(r"^NOTE Language: ([A-Za-z-]+)", re.MULTILINE)
_OTHER = re.compile(r"<lang ([A-Za-z-]+)>")
_TAGS = re.compile(r"<[^>]*>|\{\\[^}]*\}")


class CuesError(ValueError):
    """A file is no subtitle, or is not in UTF-8."""


@dataclass(frozen=True)
class Cue:
    """The words spoken between two times.

    Attributes:
        language: its code; empty if unknown.
        writer: the model that wrote the text, or PERSON; None if unknown.
        sound: what the subtitle describes, if it has no spoken words.
    """

    start_s: float
    end_s: float
    text: str
    language: str = ""
    writer: str | None = None
    sound: str = ""


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        CuesError: it is not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CuesError("not in UTF-8: save it as UTF-8") from error


def read_cues(path: Path) -> list[Cue]:
    """Return the cues of a .vtt, .srt or .sbv file.

    Raises:
        CuesError: the file is invalid, or not in UTF-8.
    """
    text = read_text(path)
    try:
        cues = list(_READERS[path.suffix.lower()](text))
    except (srt.SRTParseError, srt.TimestampParseError) as error:
        raise CuesError(str(error)) from error
    except (MalformedFileError, MalformedCaptionError) as error:
        raise CuesError(f"not {_NAMES[path.suffix.lower()]}: {error}") from error
    return [words_of(cue) for cue in _unrolled(cues)]


def words_of(cue: Cue) -> Cue:
    """Return a cue with only its spoken words."""
    text = spoken(cue.text)
    return replace(cue, text=text, sound="" if text else " ".join(cue.text.split()))


def cut(cues: Iterable[Cue], max_s: float) -> Iterator[tuple[Cue, ...]]:
    """Join cues of one language into clips of up to `max_s`.

    A longer cue is a clip of its own, which is dropped later; so is one that ends before it begins.
    """
    clip: list[Cue] = []
    end_s = 0.0
    for cue in sorted(cues, key=lambda cue: (cue.start_s, cue.end_s)):
        apart = clip and (cue.start_s - end_s > GAP_S or max(end_s, cue.end_s) - clip[0].start_s > max_s)
        backward = clip and any(each.end_s <= each.start_s for each in (cue, clip[-1]))
        if clip and (apart or backward or not cue.text or cue.language != clip[0].language):
            yield tuple(clip)
            clip = []
        if cue.text:
            end_s = max(cue.end_s, end_s if clip else cue.end_s)
            clip.append(cue)
    if clip:
        yield tuple(clip)


def _vtt(text: str) -> Iterator[Cue]:
    main = _LANGUAGE.search(text)
    for caption in webvtt.from_string(text).captions:
        declared = _OTHER.match(caption.raw_text) or main
        language = language_code(declared.group(1)) if declared else ""
        yield _cue(caption, language)


def _cue(caption: webvtt.Caption, language: str = "") -> Cue:
    start_s, end_s = (time.in_milliseconds() / 1000 for time in (caption.start_time, caption.end_time))
    return Cue(start_s, end_s, html.unescape(caption.text), language)


def _srt(text: str) -> Iterator[Cue]:
    for subtitle in srt.parse(text):
        plain = html.unescape(_TAGS.sub("", subtitle.content))
        yield Cue(subtitle.start.total_seconds(), subtitle.end.total_seconds(), plain)


def _sbv(text: str) -> Iterator[Cue]:
    for caption in webvtt.from_buffer(io.StringIO(text), format="sbv").captions:
        yield _cue(caption)


_READERS = {".vtt": _vtt, ".srt": _srt, ".sbv": _sbv}
_NAMES = {".vtt": "WebVTT", ".sbv": "SBV"}


def _unrolled(cues: Sequence[Cue]) -> Iterator[Cue]:
    """Yield cues without lines that are repeated from the previous one, if most have such lines.

    Rolling subtitles, as on television and from YouTube, would otherwise have every line two or three times.
    """
    lines_of_cues = [[line.strip() for line in cue.text.splitlines() if line.strip()] for cue in cues]
    repeated = [0, *(_repeated_lines(before, now) for before, now in pairwise(lines_of_cues))]
    if 2 * sum(count > 0 for count in repeated) < len(cues):
        yield from cues
        return
    for cue, lines, count in zip(cues, lines_of_cues, repeated, strict=True):
        if new := lines[count:]:
            yield replace(cue, text="\n".join(new))


def _repeated_lines(before: Sequence[str], now: Sequence[str]) -> int:
    """Return how many of the first lines repeat the last ones of the previous cue."""
    maximum = min(len(before), len(now))
    return next((count for count in range(maximum, 0, -1) if before[-count:] == now[:count]), 0)
