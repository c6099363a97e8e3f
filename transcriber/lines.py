"""Words become captions: lines that are broken at the end of a sentence, at a pause, or when they are full.

A line whose words are all settled and that something follows is closed: its caption is final and is never touched
again. What comes behind it is shown as provisional captions of live sources, each a new revision of its id whenever it
changes. A provisional caption whose words turn out not to exist becomes empty until its id is used again. The captions
of jobs appear only when they are final: nobody watches them grow, and their log stays short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from transcriber.orthography import ends_sentence, joined
from transcriber.outcome import pack, unpack
from wire.messages import Caption, Content, Word

#: Two lines of subtitles.
LINE_CHARACTERS = 84

#: Longest time that one line spans, in seconds.
LINE_S = 6.0

#: A pause of so many seconds ends a line.
PAUSE_S = 1.0

#: Times are kept to the millisecond.
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """What captions say of the audio that they rest on."""

    source: str = ""
    epoch: int = 1
    language: str | None = None
    captured_s: float = 0.0


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
        open: settled words behind the last final caption.
        gap: lost audio that may go on, as start, end and reason.
    """

    next_id: int = 1
    open: list[Word] = field(default_factory=list)
    gap: tuple[float, float, str] | None = None
    _shown: dict[int, _Shown] = field(default_factory=dict)
    _closed: list[Caption] = field(default_factory=list)

    def settle(self, words: Sequence[Word], origin: Origin, *, quiet_until_s: float) -> None:
        """Append words that will not change any more, and close the lines that they complete.

        Args:
            quiet_until_s: no further word begins before this time.
        """
        self._close_gap(origin)
        self.open += words
        lines = _broken(self.open, origin.language)
        while lines and (len(lines) > 1 or _complete(lines[0], quiet_until_s)):
            self._close(lines.pop(0), origin)
        self.open = [word for line in lines for word in line]

    def flush(self, origin: Origin) -> None:
        """Close every line: no word follows."""
        for line in _broken(self.open, origin.language):
            self._close(line, origin)
        self.open = []
        self._close_gap(origin)

    def lose(self, start_s: float, end_s: float, reason: str, origin: Origin) -> None:
        """Mark audio as lost; what is lost right behind it for the same reason becomes one gap with it."""
        if self.gap and self.gap[2] == reason and start_s - self.gap[1] < PAUSE_S:
            self.gap = (self.gap[0], end_s, reason)
            return
        self.flush(origin)
        self.gap = (start_s, end_s, reason)

    def emit(self, provisional: Sequence[Word], origin: Origin, *, live: bool) -> tuple[Caption, ...]:
        """The captions that have changed since the last time, finals first."""
        captions, self._closed = self._closed, []
        if live:
            captions += self._revisions(provisional, origin)
        return tuple(captions)

    def withdraw(self, origin: Origin) -> None:
        """Close provisional captions that came to nothing: the source has ended."""
        for id, shown in sorted(self._shown.items()):
            if shown.text:
                self._closed.append(_empty(id, shown, origin, final=True))
        self._shown = {}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "next_id": self.next_id,
            "open": [pack(word) for word in self.open],
            "gap": self.gap,
            "shown": {str(id): [s.revision, s.start_s, s.end_s, s.text] for id, s in self._shown.items()},
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
            lines = _broken([*self.open, *provisional], origin.language)
            current = [_caption(id, line, origin) for id, line in enumerate(lines, start=self.next_id)]
        changed = []
        for caption in current:
            shown = self._shown.get(caption.id)
            if shown is None or (shown.text, shown.end_s) != (caption.text, caption.end_s):
                caption = replace(caption, revision=shown.revision + 1 if shown else 0)
                self._shown[caption.id] = _Shown(caption.revision, caption.start_s, caption.end_s, caption.text)
                changed.append(caption)
        for id, shown in self._shown.items():
            if id >= self.next_id + len(current) and shown.text:
                empty = _empty(id, shown, origin, final=False)
                self._shown[id] = _Shown(empty.revision, shown.start_s, shown.end_s, "")
                changed.append(empty)
        return changed


def _broken(words: Sequence[Word], language: str | None) -> list[list[Word]]:
    """Words in lines. A break depends only on the words up to the one behind it, so that earlier breaks stay."""
    lines: list[list[Word]] = []
    for word in words:
        if not lines or _breaks(lines[-1], word, language):
            lines.append([])
        lines[-1].append(word)
    return lines


def _breaks(line: Sequence[Word], word: Word, language: str | None) -> bool:
    """Whether `word` begins a new line."""
    return (
        ends_sentence(line[-1].text)
        or word.start_s - line[-1].end_s >= PAUSE_S
        or word.end_s - line[0].start_s > LINE_S
        or len(joined([*(w.text for w in line), word.text], language)) > LINE_CHARACTERS
    )


def _complete(line: Sequence[Word], quiet_until_s: float) -> bool:
    """Whether the last line can be closed although no word is known behind it."""
    return ends_sentence(line[-1].text) or quiet_until_s - line[-1].end_s >= PAUSE_S


def _caption(id: int, words: Sequence[Word], origin: Origin) -> Caption:
    rounded = [replace(word, start_s=round(word.start_s, _DIGITS), end_s=round(word.end_s, _DIGITS)) for word in words]
    return Caption(
        source=origin.source,
        id=id,
        revision=0,
        start_s=rounded[0].start_s,
        end_s=rounded[-1].end_s,
        text=joined((word.text for word in words), origin.language),
        final=False,
        language=origin.language,
        words=tuple(rounded),
        epoch=origin.epoch,
        captured_s=origin.captured_s,
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


def _empty(id: int, shown: _Shown, origin: Origin, *, final: bool) -> Caption:
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
