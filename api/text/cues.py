"""Turns captions into cues: what is on the screen, from when to when. Pure.

A caption is one screen of at most two lines (`wire.breaks`); a longer one, as other programs may write it, is split.
Then every cue gets the time that reading it takes: at least a second, and one for every seventeen characters. That time
is taken, in this order,

1. from a neighbour, if the next cue follows too soon: both become one cue, if they fit on one screen;
2. from the silence after it;
3. from the silence before it, by at most `EARLY_MS`;
4. from the cues after it, which then start at most `LATE_MS` after their speech and stay long enough to be read
   themselves.

No cue ends before its last word is spoken. While people speak faster than that for long, cues stay too fast to be read
at ease, since they would fall behind otherwise: no word is ever dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from wire.breaks import first_line, fits, screens, split_words, width
from wire.languages import PHRASED
from wire.messages import Caption, Content

#: Fastest text that can be read at ease, in characters a second. Netflix, English Template: 17 for adults; the BBC's
#: 160 to 180 words a minute (Subtitle Guidelines 4.1) are 15 to 17.
CHARACTERS_PER_S = 17

#: Shortest time of a cue, in milliseconds. Netflix, General Requirements 1: 5/6 s; a second is what subtitlers keep.
SHORTEST_MS = 1000

#: Longest time of a cue that was merged from two, in milliseconds. Netflix, General Requirements 1.
LONGEST_MS = 7000

#: How much a cue may precede its speech, in milliseconds. The BBC (Subtitle Guidelines 5.2) allows 1.5 s where the
#: speaker is visible; with more than half a second, listeners read what has yet to be said.
EARLY_MS = 500

#: How much a cue may follow its speech, in milliseconds. Netflix, Subtitle Timing Guidelines 1: the first frame of
#: audio, or within two of it. A quarter of a second saves a third of the cues of fast speech from being too short.
LATE_MS = 250

#: After the last cue, time is unlimited.
_NEVER_MS = 1 << 62

# Control characters, line separators, and characters that UTF-8 or XML cannot represent.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A word of a cue, and its time in milliseconds."""

    text: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class Cue:
    """The content of one screen, with its times in whole milliseconds."""

    start_ms: int
    end_ms: int
    pieces: tuple[Piece, ...]
    language: str | None = None
    separator: str = " "  # empty in scripts without spaces between words
    exact: bool = True  # whether the word times come from the model, and are not estimated from their lengths

    @property
    def needed_ms(self) -> int:
        """How long reading it takes."""
        characters = width(self.separator.join(_texts(self.pieces)))
        return max(SHORTEST_MS, -(-1000 * characters // CHARACTERS_PER_S))

    @property
    def lines(self) -> tuple[tuple[Piece, ...], ...]:
        """One or two lines."""
        at = first_line(_texts(self.pieces), self.separator, self.language)
        halves = (self.pieces[:at], self.pieces[at:])
        return tuple((replace(line[0], text=line[0].text.lstrip()), *line[1:]) for line in halves if line)

    @property
    def text(self) -> tuple[str, ...]:
        """Its lines as plain text."""
        return tuple(self.separator.join(_texts(line)) for line in self.lines)


def clean(text: str) -> str:
    """The text as one line that any format can represent."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def cues(captions: Iterable[Caption], origin_s: float = 0.0, *, live: bool = False) -> list[Cue]:
    """Cues in order: each ends before or when the next begins, and none is empty.

    Args:
        origin_s: the time that counts as zero. Cues that begin earlier begin at zero; those that end by then are
            dropped.
        live: more captions will follow, and must not change a cue that began five seconds before them. So step 4 above
            is skipped: it depends on everything up to the next pause.
    """
    raw: list[Cue] = []
    for caption in sorted(captions, key=lambda c: (c.start_s, c.id)):
        if caption.content is not Content.GAP:
            for cue in _screens(caption, origin_s):
                _append(raw, cue)
    spoken = _merge_short(raw)
    shown = _extend(spoken)
    return shown if live else _delay(spoken, shown)


def _screens(caption: Caption, origin_s: float) -> list[Cue]:
    """A caption as screens, each lasting from its first word to the first word of the next."""

    def ms(time_s: float) -> int:
        return max(0, round((time_s - origin_s) * 1000))

    words, separator, exact = timed_words(caption)
    pieces = iter([Piece(text, ms(start_s)) for text, start_s in words])
    counts = screens([text for text, _ in words], separator, caption.language)
    shown = [tuple(islice(pieces, count)) for count in counts]
    if not shown:
        return []
    starts_ms = [ms(caption.start_s), *(screen[0].start_ms for screen in shown[1:])]
    ends_ms = [*starts_ms[1:], ms(caption.end_s)]
    return [
        Cue(start_ms, max(start_ms + 1, end_ms), screen, caption.language, separator, exact)
        for start_ms, end_ms, screen in zip(starts_ms, ends_ms, shown, strict=True)
        if end_ms or not origin_s
    ]


def timed_words(caption: Caption) -> tuple[list[tuple[str, float]], str, bool]:
    """The words of a caption's text with their times in seconds, their separator, and whether the times are exact."""
    text = clean(caption.text)
    # In scripts without spaces, a space that is written is part of the word after it.
    recognised = [" " * word.text.startswith(" ") + clean(word.text) for word in caption.words]
    texts, separator = split_words(text, recognised)
    if texts == recognised:
        return list(zip(recognised, (word.start_s for word in caption.words), strict=True)), separator, True
    words, position = [], 0
    for word in texts:
        words.append((word, caption.start_s + max(0.0, caption.end_s - caption.start_s) * position / len(text)))
        position += len(word) + 1
    return words, " ", False


def _append(result: list[Cue], cue: Cue) -> None:
    """Append `cue`; if it overlaps the last one, that one ends earlier, or else this one begins later."""
    last = result[-1] if result else None
    if last and last.end_ms > cue.start_ms:
        if last.start_ms < cue.start_ms:
            result[-1] = replace(last, end_ms=cue.start_ms)
        else:
            cue = replace(cue, start_ms=last.end_ms, end_ms=max(cue.end_ms, last.end_ms + 1))
    result.append(cue)


def _merge_short(cues: Sequence[Cue]) -> list[Cue]:
    """Merge cues that cannot be read before the next one begins: with that one, or else with the one before."""
    result: list[Cue] = []
    for cue in cues:
        if result and cue.start_ms - result[-1].start_ms < result[-1].needed_ms:
            if both := _merge(result[-1], cue):
                result[-1] = both
                continue
            if len(result) > 1 and (both := _merge(result[-2], result[-1])):
                result[-2:] = [both]
        result.append(cue)
    return result


def _merge(one: Cue, other: Cue) -> Cue | None:
    """Two cues as one, or None if they are too far apart or do not fit."""
    begin = other.pieces[0]
    if not one.separator and one.language in PHRASED:
        begin = replace(begin, text=f" {begin.text.lstrip()}")
    pieces = (*one.pieces, begin, *other.pieces[1:])
    near = other.start_ms - one.end_ms < SHORTEST_MS and other.end_ms - one.start_ms <= LONGEST_MS
    alike = (one.language, one.separator) == (other.language, other.separator)
    if not (near and alike and fits(_texts(pieces), one.separator)):
        return None
    return replace(one, end_ms=other.end_ms, pieces=pieces, exact=one.exact and other.exact)


def _extend(spoken: Sequence[Cue]) -> list[Cue]:
    """Extend cues into the silence after their speech, or else into what remains of the silence before it."""
    result: list[Cue] = []
    free_ms = 0  # from when the screen is empty
    starts_ms = [*(cue.start_ms for cue in spoken), _NEVER_MS]
    for cue, next_ms in zip(spoken, starts_ms[1:], strict=True):
        end_ms = max(cue.end_ms, min(cue.start_ms + cue.needed_ms, next_ms))
        start_ms = min(cue.start_ms, max(free_ms, cue.start_ms - EARLY_MS, end_ms - cue.needed_ms))
        result.append(replace(cue, start_ms=start_ms, end_ms=end_ms))
        free_ms = end_ms
    return result


def _delay(spoken: Sequence[Cue], shown: Sequence[Cue]) -> list[Cue]:
    """Let cues end later where the following ones can begin later and still be read."""
    latest_ms = [_NEVER_MS]  # the latest start of each cue, from the last one backwards
    for spoken_cue, cue in zip(reversed(spoken), reversed(shown), strict=True):
        latest_ms.append(max(cue.start_ms, min(spoken_cue.start_ms + LATE_MS, latest_ms[-1] - cue.needed_ms)))
    result: list[Cue] = []
    for cue, next_ms in zip(shown, latest_ms[-2::-1], strict=True):
        start_ms = max(cue.start_ms, result[-1].end_ms) if result else cue.start_ms
        end_ms = max(cue.end_ms, min(start_ms + cue.needed_ms, next_ms))
        result.append(replace(cue, start_ms=start_ms, end_ms=end_ms))
    return result


def _texts(pieces: Iterable[Piece]) -> list[str]:
    return [piece.text for piece in pieces]
