"""Break words into captions: lines that end at the end of a sentence, at a pause, or when a screen is full.

A full line is broken at the best place in its second half (`wire.breaks`), and the rest begins the next one; so a
caption is one screen of subtitles. A sentence shorter than a second shares its line with the next one.

A line whose words are all settled and whose end is decided is closed: its caption is final and never changes again.
Nothing is held back for a nicer break: no word waits longer than its line lasts, which is at most `LINE_S`. For live
sources, the words after the closed lines are shown as provisional captions, with a new revision for each change. A
provisional caption whose words disappear becomes empty until its id is used again. Captions of jobs are published only
when they are final: no client follows them live, and their log stays short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from transcriber.orthography import separator, spaced
from transcriber.outcome import pack, unpack
from wire.breaks import cut, ends_sentence, fits
from wire.messages import Caption, Content, Word

#: Maximum duration of a line, in seconds: a full screen stays for five or six (SLU, "Undertextning"; Netflix's limit is
#: seven, General Requirements 1).
LINE_S = 6.0

#: Minimum time from the beginning of a line to the next one, in seconds; Netflix has 5/6 s, subtitlers use 1 s.
SHORTEST_S = 1.0

#: A pause of this length ends a line, in seconds.
PAUSE_S = 1.0

#: Shorter gaps are not marked, in seconds: the times of words are not more precise.
SHORTEST_GAP_S = 0.1

#: Decimals of times: milliseconds.
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """The attributes that captions take from their audio."""

    source: str = ""
    epoch: int = 1
    language: str | None = None
    captured_s: float = 0.0
    model: str = ""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A provisional caption as it was last shown."""

    revision: int
    start_s: float
    end_s: float
    text: str


@dataclass
class Lines:
    """The lines of one source, between two steps of its seam.

    Attributes:
        next_id: of the first caption that is not final.
        open: settled words after the last final caption.
        gap: lost audio that may be extended, as start, end and reason.
    """

    next_id: int = 1
    open: list[Word] = field(default_factory=list)
    gap: tuple[float, float, str] | None = None
    _shown: dict[int, _Shown] = field(default_factory=dict)
    _unlogged: set[int] = field(default_factory=set)  # ids whose newest revision is not in the log
    _closed: list[Caption] = field(default_factory=list)

    def settle(self, words: Sequence[Word], origin: Origin, *, quiet_until_s: float) -> None:
        """Append words that will not change again, and close the lines that they complete.

        Args:
            quiet_until_s: no further word begins before this time.
        """
        self._close_gap(origin)
        self.open += words
        lines = _break_lines(self.open, origin.language)
        while lines and (len(lines) > 1 or _ends_line(lines[0], quiet_until_s, origin.language)):
            self._close(lines.pop(0), origin)
        self.open = [word for line in lines for word in line]

    def flush(self, origin: Origin) -> None:
        """Close every line: no more words follow."""
        for line in _break_lines(self.open, origin.language):
            self._close(line, origin)
        self.open = []
        self._close_gap(origin)

    def add_gap(self, start_s: float, end_s: float, reason: str, origin: Origin) -> None:
        """Mark audio as lost; extend the previous gap if it is adjacent and has the same reason."""
        if end_s - start_s < SHORTEST_GAP_S:
            return
        if self.gap and self.gap[2] == reason and start_s - self.gap[1] < PAUSE_S:
            self.gap = (self.gap[0], end_s, reason)
            return
        self.flush(origin)
        self.gap = (start_s, end_s, reason)

    def end_gap(self, end_s: float) -> None:
        """End the gap where words begin: the window after it repeats some of the lost audio."""
        if self.gap:
            start_s, until_s, reason = self.gap
            self.gap = (start_s, min(until_s, end_s), reason) if end_s - start_s >= SHORTEST_GAP_S else None

    def emit(
        self, provisional: Sequence[Word], origin: Origin, *, live: bool, logged: bool = True
    ) -> tuple[Caption, ...]:
        """The captions that have changed since the last call or are not in the log yet, finals first.

        Args:
            logged: whether the returned captions will be logged; if not, they are only shown to current viewers.
        """
        captions, self._closed = self._closed, []
        if live:
            revisions = self._revisions(provisional, origin)
            captions += revisions
            self._unlogged = {caption.id for caption in revisions} if not logged else set()
        return tuple(captions)

    def withdraw(self, origin: Origin) -> None:
        """Close leftover provisional captions as empty ones: the source has ended."""
        for id, shown in sorted(self._shown.items()):
            if shown.text or id in self._unlogged:
                self._closed.append(_emptied(id, shown, origin, final=True))
        self._shown = {}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "next_id": self.next_id,
            "open": [pack(word) for word in self.open],
            "gap": self.gap,
            "shown": {str(id): [s.revision, s.start_s, s.end_s, s.text] for id, s in self._shown.items()},
            "unlogged": sorted(self._unlogged),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Lines:
        """The inverse of `as_dict`."""
        gap = values["gap"]
        return cls(
            next_id=values["next_id"],
            open=[unpack(word) for word in values["open"]],
            gap=(gap[0], gap[1], gap[2]) if gap else None,
            _shown={int(id): _Shown(*shown) for id, shown in values["shown"].items()},
            _unlogged=set(values.get("unlogged", ())),
        )

    def _close(self, words: Sequence[Word], origin: Origin) -> None:
        self._finish(_caption(self.next_id, words, origin))

    def _close_gap(self, origin: Origin) -> None:
        if self.gap:
            self._finish(_gap_caption(self.next_id, self.gap, origin))
            self.gap = None

    def _finish(self, caption: Caption) -> None:
        shown = self._shown.pop(self.next_id, None)
        self._closed.append(replace(caption, final=True, revision=shown.revision + 1 if shown else 0))
        self.next_id += 1

    def _revisions(self, provisional: Sequence[Word], origin: Origin) -> list[Caption]:
        if self.gap:
            current = [_gap_caption(self.next_id, self.gap, origin)]
        else:
            lines = _break_lines([*self.open, *provisional], origin.language)
            current = [_caption(id, line, origin) for id, line in enumerate(lines, start=self.next_id)]
        changed = []
        for caption in current:
            shown = self._shown.get(caption.id)
            seen = shown is not None and (shown.text, shown.end_s) == (caption.text, caption.end_s)
            if not seen or caption.id in self._unlogged:
                caption = replace(caption, revision=shown.revision + 1 if shown else 0)
                self._shown[caption.id] = _Shown(caption.revision, caption.start_s, caption.end_s, caption.text)
                changed.append(caption)
        for id, shown in self._shown.items():
            if id >= self.next_id + len(current) and (shown.text or id in self._unlogged):
                empty = _emptied(id, shown, origin, final=False)
                self._shown[id] = _Shown(empty.revision, shown.start_s, shown.end_s, "")
                changed.append(empty)
        return changed


def _break_lines(words: Sequence[Word], language: str | None) -> list[list[Word]]:
    """Break words into lines, from left to right; no break depends on words after the one that made it necessary.

    So appending words changes only the last line, and breaking the same words again gives the same lines.
    """
    lines: list[list[Word]] = []
    line: list[Word] = []
    for word in words:
        if line and _ends_line(line, word.start_s, language):
            lines.append(line)
            line = []
        line = [*line, word]
        if _overflows(line, language):
            at = cut([w.text for w in line], separator(language), language)
            if _overflows(line[at:], language):  # this word alone lasts too long
                at = len(line) - 1
            lines.append(line[:at])
            line = line[at:]
    return [*lines, line] if line else lines


def _ends_line(line: Sequence[Word], next_s: float, language: str | None) -> bool:
    """Whether a line ends here, given that the next word begins at `next_s` or later."""
    long_enough = next_s - line[0].start_s >= SHORTEST_S
    return (long_enough and ends_sentence(line[-1].text, language)) or next_s - line[-1].end_s >= PAUSE_S


def _overflows(line: Sequence[Word], language: str | None) -> bool:
    """Whether a line does not fit on a screen, or lasts too long."""
    if len(line) == 1:
        return False
    return line[-1].end_s - line[0].start_s > LINE_S or not fits([w.text for w in line], separator(language))


def _caption(id: int, words: Sequence[Word], origin: Origin) -> Caption:
    texts = spaced((word.text for word in words), origin.language)
    rounded = [
        Word(text, round(word.start_s, _DIGITS), round(word.end_s, _DIGITS), word.confidence)
        for text, word in zip(texts, words, strict=True)
    ]
    return Caption(
        source=origin.source,
        id=id,
        revision=0,
        start_s=rounded[0].start_s,
        end_s=rounded[-1].end_s,
        text=separator(origin.language).join(texts),
        final=False,
        language=origin.language,
        words=tuple(rounded),
        epoch=origin.epoch,
        captured_s=origin.captured_s,
        model=origin.model,
    )


def _gap_caption(id: int, gap: tuple[float, float, str], origin: Origin) -> Caption:
    start_s, end_s, reason = gap
    return Caption(
        source=origin.source,
        id=id,
        revision=0,
        start_s=round(start_s, _DIGITS),
        end_s=round(end_s, _DIGITS),
        text="",
        final=False,
        content=Content.GAP,
        reason=reason,
        epoch=origin.epoch,
        captured_s=origin.captured_s,
    )


def _emptied(id: int, shown: _Shown, origin: Origin, *, final: bool) -> Caption:
    return Caption(
        source=origin.source,
        id=id,
        revision=shown.revision + 1,
        start_s=shown.start_s,
        end_s=shown.end_s,
        text="",
        final=final,
        language=origin.language,
        epoch=origin.epoch,
        captured_s=origin.captured_s,
    )
