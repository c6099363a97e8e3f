"""Compare two ways to train on the same utterances: error rates and their difference, with confidence intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.corpus.clips import Clip
from trainer.evaluation.intervals import Counted
from trainer.examples import Example

Model = TypeVar("Model")

#: Bootstrap resamples.
DRAWS = 2000
#: Seeds of the training runs; their variation shows the effect of the seed.
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Arm:
    """A way to train, as options of the command line."""

    balance: str = ""
    augment: str = "none"


PLAIN = Arm()
#: Trains a model on clips, with an arm's options and a seed.
Train = Callable[[Sequence[Clip], Arm, int], Model]
#: Evaluates a model on examples: one count for each, in order.
Evaluate = Callable[[Model, Sequence[Example]], Sequence[Counted]]


@dataclass(frozen=True)
class Rate:
    """An error rate, or a difference of two, in percent, with its 95 % interval."""

    percent: float
    low_percent: float
    high_percent: float

    def __str__(self) -> str:
        return f"{self.percent:.1f} ({self.low_percent:.1f} to {self.high_percent:.1f})"


@dataclass(frozen=True)
class Comparison:
    """Both arms on the same utterances; `change` is other minus plain: if negative, the other is better."""

    utterances: int
    plain: Rate
    other: Rate
    change: Rate

    @property
    def verdict(self) -> str:
        if self.change.high_percent < 0:
            return "better"
        return "worse" if self.change.low_percent > 0 else "no difference shown"


@dataclass(frozen=True)
class PairedCounts:
    """Counts of both arms, trained with one seed, for one clip."""

    clip: Clip
    seed: int
    plain: Counted
    other: Counted

    @property
    def speaker(self) -> str:
        """An unnamed speaker counts as a different one for each clip."""
        return self.clip.speaker or self.clip.id


def paired_counts(
    seed: int, clips: Sequence[Clip], plain: Sequence[Counted], other: Sequence[Counted]
) -> list[PairedCounts]:
    """Pair both arms' counts for each clip; counts are in the clips' order."""
    return [PairedCounts(clip, seed, *both) for clip, *both in zip(clips, plain, other, strict=True)]


def compare_paired(
    judged: Sequence[PairedCounts], unit: Callable[[PairedCounts], str] = lambda one: one.clip.id
) -> Comparison:
    """Compare all seeds at once. The counts of all seeds for one clip are resampled together.

    Args:
        unit: names the resampling unit of a count.
    """
    return compare([one.plain for one in judged], [one.other for one in judged], [unit(one) for one in judged])


def change_by_seed(judged: Sequence[PairedCounts]) -> list[float]:
    """The change in points for each seed, in order of the seeds."""
    return [_change([one for one in judged if one.seed == seed]) for seed in sorted({one.seed for one in judged})]


def compare(
    plain: Sequence[Counted], other: Sequence[Counted], units: Sequence[str] | None = None, seed: int = 1
) -> Comparison:
    """Compare counts of the same utterances.

    A paired bootstrap: each resample has the same utterances for both arms, so that utterances that are hard for both
    do not blur the difference (Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance
    evaluation", 2004).

    Args:
        units: resampling unit (speaker) of each utterance; None: each utterance is its own. With few speakers, the
            interval is unreliable; with utterances as units, it is valid only for these speakers.

    Raises:
        ValueError: the arms were not evaluated on the same utterances, or there are none.
    """
    if len(plain) != len(other) or not plain or [c.words for c in plain] != [c.words for c in other]:
        raise ValueError(f"the arms were not evaluated on the same utterances: {len(plain)} and {len(other)}")
    table = np.array([[p.words, p.errors, o.errors] for p, o in zip(plain, other, strict=True)], np.int64)
    whole = table
    if units is not None:
        _, of = np.unique(np.array(units), return_inverse=True)
        whole = np.stack([np.bincount(of, column) for column in table.T], axis=1).astype(np.int64)
    rng = np.random.default_rng(seed)
    drawn = np.stack([whole[rng.integers(0, len(whole), len(whole))].sum(0) for _ in range(DRAWS)])
    one, two = _percent(drawn[:, 0], drawn[:, 1]), _percent(drawn[:, 0], drawn[:, 2])
    words, first, second = table.sum(0)[None].T
    true_one, true_two = float(_percent(words, first)[0]), float(_percent(words, second)[0])
    return Comparison(len(table), _rate(true_one, one), _rate(true_two, two), _rate(true_two - true_one, two - one))


def _change(judged: Sequence[PairedCounts]) -> float:
    return 100 * sum(o.other.errors - o.plain.errors for o in judged) / max(1, sum(o.plain.words for o in judged))


def _percent(words: NDArray[np.int64], errors: NDArray[np.int64]) -> NDArray[np.float64]:
    return 100 * errors / np.maximum(1, words)


def _rate(percent: float, draws: NDArray[np.float64]) -> Rate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Rate(percent, float(low), float(high))
