"""How far an error rate could be off by the luck of the draw: a bootstrap over utterances, or over speakers.

Errors of one speaker go together, so an interval over speakers is wider and says more about people who were not in the
test (Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

#: Samples drawn with replacement; the ends of a 95 % interval then wobble by a few hundredths of its width.
DRAWS = 1000
#: Units a matrix of draws holds at a time: 8 MB.
_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Interval:
    """95 % of draws lie in it; in percent."""

    low_percent: float
    high_percent: float


class Counted(Protocol):
    """Words, and errors in them."""

    @property
    def words(self) -> int: ...

    @property
    def errors(self) -> int: ...


@dataclass(frozen=True)
class Change:
    """By how many words more one of two models errs in the same utterance: below nothing, it is the better one."""

    words: int
    errors: int


def rule_of_three(words: int) -> Interval:
    """Interval of a rate where not one of so many words is wrong, which leaves a bootstrap nothing to draw.

    Up to 3/n is what 0 of n goes with, 95 times in 100 (Hanley and Lippman-Hand, "If nothing goes wrong, is everything
    all right?", JAMA 249, 1983); words are taken for independent.
    """
    return Interval(0.0, min(100.0, 300 / words))


def interval(scores: Sequence[Counted], units: Sequence[str] | None = None, seed: int = 1) -> Interval | None:
    """Interval of the rate over all scores; None where there is nothing to draw from, or not one error to draw.

    For a rate of nothing there is `rule_of_three`.

    Args:
        units: what is drawn whole: each utterance's speaker. None: utterances.
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
