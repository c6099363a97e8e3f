"""Which words can be told before they are final, to clients from whom none can be taken back. Pure.

Of the words that are provisional, those with which two hypotheses in a row begin: LocalAgreement-2 (Macháček et al.,
2023, "Turning Whisper into Real-Time Transcription System"). And those that stand well within one: what the next
hypothesis has otherwise is its end, where audio was cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from api import openai_shapes
from wire.messages import Caption

#: A hypothesis that goes on for so long behind a word, in seconds, settles it: busy transcribers have no second one.
WITHIN_S = 1.0

_MARKS = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a caption, on the way to a client."""

    text: str  # with what stands before it
    caption: int  # the id of that
    start_s: float
    end_s: float  # when the next one begins, or the caption ends

    @property
    def middle_s(self) -> float:
        """Of the time that it takes."""
        return (self.start_s + self.end_s) / 2


class Ahead:
    """How much of a source's text has been told. It takes captions as they come, provisional and final."""

    def __init__(self) -> None:
        self._shown: dict[int, list[Word]] = {}  # of the captions that are not final
        self._captured_s = 0.0  # of the newest hypothesis
        self._before: list[Word] = []  # the hypothesis before it
        self._told: list[Word] = []  # behind all that is final

    def take(self, caption: Caption) -> list[Word]:
        """What is to be told now. Of a final caption that is what has not been told yet."""
        if caption.captured_s > self._captured_s:
            self._before = self._hypothesis()
            self._captured_s = caption.captured_s
        words = _words(caption)
        if not caption.final:
            self._shown[caption.id] = words
            # Captions of one hypothesis come in order, and those that do not come are as they were.
            return self._tell(_settled(self._before, self._hypothesis(caption.id)))
        fresh = self._tell(words)
        self._shown = {id: shown for id, shown in self._shown.items() if id > caption.id}
        self._before = _behind(self._before, words, caption.end_s)
        self._told = _behind(self._told, words, caption.end_s)
        return fresh

    def _hypothesis(self, last: float = float("inf")) -> list[Word]:
        """The words that are not final, up to a caption."""
        return [word for id in sorted(self._shown) if id <= last for word in self._shown[id]]

    def _tell(self, words: Sequence[Word]) -> list[Word]:
        """Those behind what has been told. Where that was wrong, times say which."""
        if _alike(self._told, words):
            fresh = [*words[len(self._told) :]]
        else:
            fresh = [word for word in words if word.middle_s > self._told[-1].end_s]
        self._told += fresh
        return fresh


def _words(caption: Caption) -> list[Word]:
    said = openai_shapes.words(caption)
    ends_s = [*(start_s for _, start_s in said[1:]), caption.end_s]
    return [Word(text, caption.id, start_s, end_s) for (text, start_s), end_s in zip(said, ends_s, strict=False)]


def _settled(before: Sequence[Word], now: Sequence[Word]) -> Sequence[Word]:
    """The words with which both hypotheses begin, to the letter, or behind which the newer one goes on for long."""
    pairs = zip(before, now, strict=False)
    agreed = sum(1 for _ in takewhile(lambda pair: pair[0].text.strip() == pair[1].text.strip(), pairs))
    within = sum(word.end_s <= now[-1].end_s - WITHIN_S for word in now)
    return now[: max(agreed, within)]


def _alike(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether the shorter one is what the longer one begins with, but for punctuation and case."""
    return all(_bare(a.text) == _bare(b.text) for a, b in zip(one, other, strict=False))


def _bare(text: str) -> str:
    return _MARKS.sub("", text).casefold()


def _behind(words: Sequence[Word], final: Sequence[Word], end_s: float) -> list[Word]:
    """The words that a final caption, which ends at `end_s`, does not say."""
    if final and _alike(words, final):
        return [*words[len(final) :]]
    return [word for word in words if word.middle_s > end_s]
