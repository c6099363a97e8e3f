"""Confidence intervals of error rates: a bootstrap over utterances, or over speakers.

Errors of one speaker are correlated, so an interval over speakers is wider, and says more about speakers who are not in
the test set (Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP
2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

#: Bootstrap samples; the ends of a 95 % interval then vary by a few hundredths of its width.
DRAWS = 1000
#: Maximum elements of a matrix of draws: 8 MB.
_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Interval:
    """A 95 % interval, in percent."""

    low_percent: float
    high_percent: float


class Counted(Protocol):
    """Numbers of words and errors."""

    @property
    def words(self) -> int: ...

    @property
    def errors(self) -> int: ...


@dataclass(frozen=True)
class Change:
    """The difference in errors between two models on the same utterance; negative if the second is better."""

    words: int
    errors: int


def rule_of_three(words: int) -> Interval:
    """Interval of the error rate if none of `words` words is wrong, for which a bootstrap has nothing to draw.

    0 of n is consistent with rates up to 3/n at 95 % (Hanley and Lippman-Hand, "If nothing goes wrong, is everything
    all right?", JAMA 249, 1983); words are taken as independent.
    """
    return Interval(0.0, min(100.0, 300 / words))


def interval(scores: Sequence[Counted], units: Sequence[str] | None = None, seed: int = 1) -> Interval | None:
    """Interval of the error rate over all scores; None with fewer than two units, or without errors.

    Without errors, use `rule_of_three`.

    Args:
        units: of each score, to resample as a whole, such as its speaker; None: utterances.
    """
    errors = np.array([score.errors for score in scores], np.int64)
    words = np.array([score.words for score in scores], np.int64)
    if units is not None:
        _, inverse = np.unique(np.array(units), return_inverse=True)
        errors, words = np.bincount(inverse, errors), np.bincount(inverse, words)
    if len(words) < 2 or not words.sum() or not errors.any():
        return None
    rng = np.random.default_rng(seed)
    rates: list[float] = []
    while len(rates) < DRAWS:
        draws = min(DRAWS - len(rates), max(1, _AT_ONCE // len(words)))
        drawn = rng.integers(0, len(words), (draws, len(words)))
        rates += (100 * errors[drawn].sum(1) / np.maximum(1, words[drawn].sum(1))).tolist()
    low, high = np.percentile(rates, [2.5, 97.5])
    return Interval(float(low), float(high))
