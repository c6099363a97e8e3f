"""Which clip is heard next: every epoch all of them once, or balanced by who speaks and how.

A sampler is a function of (seed, index): a killed run goes on where it was, and what an epoch saw can be told
afterwards without having been there.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.corpus.clips import COLUMNS, UNKNOWN, Clip
from trainer.errors import PlanError
from trainer.notes import LOG
from trainer.training.single_voices import single_voices

Order = NDArray[np.int64]

#: A group of a hundredth of the clips is then drawn 5 times less often than the rest of them, instead of 99 times.
USUAL_TEMPERATURE = 3.0
#: Orders kept in memory: of the epoch that batches are made of, and of the next one, which their plan reaches into.
_KEPT = 2


class Sampler(Protocol):
    """Chooses clips, without end; `draws` of them are an epoch."""

    @property
    def draws(self) -> int: ...

    def clip(self, index: int) -> int:
        """Which clip draw number `index` is: its place among the clips."""

    def order(self, epoch: int) -> Order:
        """All clips of an epoch in their order, [draws]."""

    @property
    def note(self) -> str:
        """What a user should know of these draws, in a sentence; empty: nothing."""

    def shares(self) -> NDArray[np.float64]:
        """Which share of the draws each clip is to have, [clips]."""


class _Ordered(ABC):
    """A sampler that is told by its orders; keeps the last ones."""

    def __init__(self, draws: int) -> None:
        if draws < 1:
            raise PlanError("there are no clips to train on: is this split of the corpus empty?")
        self.draws = draws
        self._orders: dict[int, Order] = {}

    def clip(self, index: int) -> int:
        epoch, place = divmod(index, self.draws)
        return int(self.order(epoch)[place])

    def order(self, epoch: int) -> Order:
        if epoch not in self._orders:
            while len(self._orders) >= _KEPT:
                del self._orders[next(iter(self._orders))]
            self._orders[epoch] = self._make(epoch)
        return self._orders[epoch]

    @abstractmethod
    def _make(self, epoch: int) -> Order:
        """The clips of one epoch."""


class Epochs(_Ordered):
    """Each of `n` clips once an epoch, in an order of the epoch's own."""

    note = ""

    def __init__(self, n: int, seed: int) -> None:
        super().__init__(n)
        self._seed = seed

    def _make(self, epoch: int) -> Order:
        return np.random.default_rng([self._seed, epoch]).permutation(self.draws)

    def shares(self) -> NDArray[np.float64]:
        return np.full(self.draws, 1 / self.draws)


@dataclass(frozen=True)
class Stratum:
    """Clips of one group that come from one source: all of them are heard equally often.

    Attributes:
        clips: their places among all clips.
        share: of the draws, as asked for.
        draws: in an epoch.
    """

    group: tuple[str, ...]
    clips: Order
    share: float
    draws: int


class Balanced(_Ordered):
    """Clips by groups: of n clips' weight, a group is drawn in proportion to n^(1/T).

    T = 1 draws them as they are, T = ∞ every group equally often. (XLS-R and mBART sample languages so; there the
    exponent is called alpha.) A group is a value of a column or a combination of several; clips that do not say all of
    it keep the share that they have by themselves. A source of weight 2 counts as if each of its clips came twice,
    in every group.

    An epoch has as many draws as there are clips. The number of draws of a group is the same in every epoch, and no
    clip of a group (from one source) comes again before all others did: what an epoch sees differs from what is asked
    for by a draw or two, not by the luck of a dice. Every stratum is drawn at least once an epoch.

    Args:
        columns: of `clips.COLUMNS`.
        temperature: at least 1; `math.inf` will do.
        weights: of sources, by name; others have 1. A source's parts (`name/part`) have its weight.

    Raises:
        PlanError: there is nothing to draw from.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        columns: Sequence[str],
        temperature: float,
        seed: int,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(len(clips))
        self._seed = seed
        self.strata = _strata(clips, columns, temperature, weights or {})
        groups, speakers = grouped(clips, columns), [clip.speaker for clip in clips]
        self.note = "" if "speaker" in columns else single_voices(groups, speakers, self.shares())
        if columns and all(UNKNOWN in each for each in groups):
            self.note = f"no clip says its {' and '.join(columns)}, so all are drawn as they are"

    def _make(self, epoch: int) -> Order:
        drawn = [self._drawn(number, stratum, epoch) for number, stratum in enumerate(self.strata)]
        return np.random.default_rng([self._seed, epoch]).permutation(np.concatenate(drawn))

    def shares(self) -> NDArray[np.float64]:
        shares = np.zeros(self.draws)
        for stratum in self.strata:
            shares[stratum.clips] = stratum.share / len(stratum.clips)
        return shares

    def _drawn(self, number: int, stratum: Stratum, epoch: int) -> Order:
        """The next `draws` of a stratum's clips, which are dealt like cards: shuffled again when all are out."""
        n = len(stratum.clips)
        first, last = epoch * stratum.draws, (epoch + 1) * stratum.draws
        decks = range(first // n, -(-last // n))
        dealt = np.concatenate([np.random.default_rng([self._seed, number, deck, 1]).permutation(n) for deck in decks])
        drawn: Order = stratum.clips[dealt[first - decks[0] * n : last - decks[0] * n]]
        return drawn


def grouped(clips: Sequence[Clip], columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Each clip's values of some columns; UNKNOWN where it does not say.

    Of several accents, that which the fewest clips have: for it the clip is worth the most.
    """
    counts = {name: Counter(value for clip in clips for value in clip.values(name)) for name in columns}

    def value(clip: Clip, name: str) -> str:
        return min(clip.values(name), key=lambda each: (counts[name][each], each), default=UNKNOWN)

    return [tuple(value(clip, name) for name in columns) for clip in clips]


def weight_of(source: str, weights: Mapping[str, float]) -> float:
    """A source's weight, or the one of the source that it is a part of."""
    return weights.get(source, weights.get(source.rpartition("/")[0], 1.0))


def tempered(masses: Sequence[float], temperature: float) -> list[float]:
    """Shares of the draws in proportion to mass^(1/T); what has no mass gets none, and something must have some."""
    logs = [math.log(mass) / temperature if mass > 0 else -math.inf for mass in masses]
    top = max(logs)
    powers = [math.exp(log - top) for log in logs]
    return [power / sum(powers) for power in powers]


def apportion(shares: Sequence[float], draws: int) -> list[int]:
    """Whole draws that sum up to `draws`, by largest remainder; at least one for every share above nothing.

    Args:
        draws: at least as many as there are shares.
    """
    large = {i for i, share in enumerate(shares) if share > 0}
    counts = [0] * len(shares)
    rest, total = draws, sum(shares)
    while small := {i for i in large if shares[i] * rest < total}:
        for i in small:
            counts[i] = 1
        large -= small
        rest, total = rest - len(small), sum(shares[i] for i in large)
    wanted = {i: shares[i] * rest / total for i in large}
    for i in large:
        counts[i] = int(wanted[i])
    for i in sorted(large, key=lambda i: (counts[i] - wanted[i], i))[: draws - sum(counts)]:
        counts[i] += 1
    return counts


def _strata(
    clips: Sequence[Clip], columns: Sequence[str], temperature: float, weights: Mapping[str, float]
) -> tuple[Stratum, ...]:
    members: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for index, (key, clip) in enumerate(zip(grouped(clips, columns), clips, strict=True)):
        members[key, clip.source].append(index)
    keys = sorted(members)
    masses = [weight_of(source, weights) * len(members[key, source]) for key, source in keys]
    if any(not 0 <= mass < math.inf for mass in masses):
        raise PlanError(f"a source's weight is a number from 0: {dict(weights)}")
    by_group: Counter[tuple[str, ...]] = Counter()
    for (key, _), mass in zip(keys, masses, strict=True):
        by_group[key] += mass  # type: ignore[assignment]  # a Counter of numbers with a point
    of_group = _of_groups(by_group, temperature)
    shares = [
        of_group[key] * mass / by_group[key] if mass else 0.0 for (key, _), mass in zip(keys, masses, strict=True)
    ]
    draws = apportion(shares, len(clips))
    return tuple(
        Stratum(key, np.array(members[key, source], np.int64), share, count)
        for (key, source), share, count in zip(keys, shares, draws, strict=True)
        if count
    )


def _of_groups(masses: Mapping[tuple[str, ...], float], temperature: float) -> dict[tuple[str, ...], float]:
    """The share of each group: as it is of clips that do not say theirs; the others divide the rest."""
    total = sum(masses.values())
    if not total:
        raise PlanError("every source of these clips has weight 0")
    shares = {key: mass / total for key, mass in masses.items()}
    known = {key: mass for key, mass in masses.items() if UNKNOWN not in key}
    rest = sum(known.values()) / total
    if rest:
        shares |= {
            key: rest * share for key, share in zip(known, tempered([*known.values()], temperature), strict=True)
        }
    return shares


def weights_of(about: Mapping[str, object]) -> dict[str, float]:
    """Weights of the sources, by name, out of what corpus.json says."""
    sources = about.get("sources", ())
    if not isinstance(sources, Iterable):
        return {}
    return {str(s["name"]): float(s.get("weight", 1.0)) for s in sources if isinstance(s, dict) and "name" in s}


def sampler(words: str, clips: Sequence[Clip], seed: int, weights: Mapping[str, float] | None = None) -> Sampler:
    """What `--balance COLUMN[,COLUMN…][:TEMPERATURE]` says (temperature: 3; `inf` is even); empty: as it is.

    Weights of sources count either way.

    Raises:
        PlanError: it is not understood, or there are no clips.
    """
    columns, temperature = balance(words)
    if not columns and len({weight_of(clip.source, weights or {}) for clip in clips}) <= 1:
        return Epochs(len(clips), seed)
    found = Balanced(clips, columns, temperature if columns else 1.0, seed, weights)
    if found.note:
        LOG.warning("--balance %s: %s", words, found.note)
    return found


def balance(words: str) -> tuple[list[str], float]:
    """Columns and temperature out of `COLUMN[,COLUMN…][:TEMPERATURE]`.

    Raises:
        PlanError: it is not understood.
    """
    names, _, number = words.partition(":")
    columns = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise PlanError(f"--balance: clips have no column {unknown[0]!r}; there are {', '.join(COLUMNS)}")
    try:
        temperature = float(number) if number else USUAL_TEMPERATURE
    except ValueError:
        raise PlanError(f"--balance: {number!r} is no temperature: 1, 3 or inf, as in accent:3") from None
    if not temperature >= 1:
        raise PlanError(f"--balance: a temperature is 1 (as it is) or more (more even), not {temperature:g}")
    return columns, temperature
