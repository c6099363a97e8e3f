"""Decides which words can be sent before they are final, to clients that cannot take words back. Pure.

These are the words with which two consecutive hypotheses begin: LocalAgreement-2 (Macháček et al., 2023, "Turning
Whisper into Real-Time Transcription System"). And the words well before the end of one hypothesis: the next one differs
at the end, where audio was cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from api.openai import shapes
from wire.messages import Caption

#: A word is settled if its hypothesis continues for this long after it, in seconds: busy transcribers make only one.
SETTLED_S = 1.0

_MARKS = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a caption, to be sent to a client."""

    text: str  # with the separator before it
    caption: int  # its id
    start_s: float
    end_s: float  # when the next one begins, or the caption ends

    @property
    def middle_s(self) -> float:
        """The middle of its time."""
        return (self.start_s + self.end_s) / 2


class StableWords:
    """The text of a source that was sent so far. Takes captions as they are published, provisional and final."""

    def __init__(self) -> None:
        self._provisional: dict[int, list[Word]] = {}  # of the captions that are not final
        self._captured_s = 0.0  # of the newest hypothesis
        self._previous: list[Word] = []  # the hypothesis before it
        self._sent: list[Word] = []  # sent words after the last final caption

    def take(self, caption: Caption) -> list[Word]:
        """The words to send now: of a final caption, those that were not sent yet."""
        if caption.captured_s > self._captured_s:
            self._previous = self._hypothesis()
            self._captured_s = caption.captured_s
        words = _words(caption)
        if not caption.final:
            self._provisional[caption.id] = words
            # Captions of one hypothesis arrive in order; those that do not arrive are unchanged.
            return self._mark_sent(_stable(self._previous, self._hypothesis(caption.id)))
        new_words = self._mark_sent(words)
        self._provisional = {id: shown for id, shown in self._provisional.items() if id > caption.id}
        self._previous = _words_after(self._previous, words, caption.end_s)
        self._sent = _words_after(self._sent, words, caption.end_s)
        return new_words

    def _hypothesis(self, last: float = float("inf")) -> list[Word]:
        """The words that are not final, up to a caption."""
        return [word for id in sorted(self._provisional) if id <= last for word in self._provisional[id]]

    def _mark_sent(self, words: Sequence[Word]) -> list[Word]:
        """Mark words as sent; return those that are new. If an earlier one was wrong, times decide."""
        if _same_words(self._sent, words):
            new_words = [*words[len(self._sent) :]]
        else:
            new_words = [word for word in words if word.middle_s > self._sent[-1].end_s]
        self._sent += new_words
        return new_words


def _words(caption: Caption) -> list[Word]:
    words = shapes.words(caption)
    ends_s = [*(start_s for _, start_s in words[1:]), caption.end_s]
    return [Word(text, caption.id, start_s, end_s) for (text, start_s), end_s in zip(words, ends_s, strict=False)]


def _stable(before: Sequence[Word], now: Sequence[Word]) -> Sequence[Word]:
    """The words common to the beginnings of both hypotheses, or well before the end of the newer one."""
    pairs = zip(before, now, strict=False)
    agreed = sum(1 for _ in takewhile(lambda pair: pair[0].text.strip() == pair[1].text.strip(), pairs))
    within = sum(word.end_s <= now[-1].end_s - SETTLED_S for word in now)
    return now[: max(agreed, within)]


def _same_words(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Return True if the shorter is a prefix of the longer, apart from punctuation and case."""
    return all(_normalized(a.text) == _normalized(b.text) for a, b in zip(one, other, strict=False))


def _normalized(text: str) -> str:
    return _MARKS.sub("", text).casefold()


def _words_after(words: Sequence[Word], final: Sequence[Word], end_s: float) -> list[Word]:
    """The words that a final caption, which ends at `end_s`, does not cover."""
    if final and _same_words(words, final):
        return [*words[len(final) :]]
    return [word for word in words if word.middle_s > end_s]
