"""Sampling of clips: each once per epoch, or balanced by columns such as accent and gender.

A sampler is a function of (seed, index): a killed run resumes where it was, and the contents of an epoch can be
recomputed afterwards.
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
from trainer.run_log import LOG
from trainer.training.single_voices import single_voices

Order = NDArray[np.int64]

#: At this temperature, 1 % of the clips are drawn 5 times less often than the other 99 %, instead of 99 times.
DEFAULT_TEMPERATURE = 3.0
#: Orders cached: of the current epoch and of the next, which the planned batches extend into.
_CACHED = 2


class Sampler(Protocol):
    """An endless sequence of clips; an epoch is `draws` of them."""

    @property
    def draws(self) -> int: ...

    def clip(self, index: int) -> int:
        """The clip of draw number `index`, as its index among the clips."""

    def order(self, epoch: int) -> Order:
        """The clips of an epoch in order, [draws]."""

    @property
    def note(self) -> str:
        """A sentence that warns the user about these draws, or an empty string."""

    def shares(self) -> NDArray[np.float64]:
        """The expected share of the draws for each clip, [clips]."""


class _Ordered(ABC):
    """A sampler defined by the order of each epoch; caches the last orders."""

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
            while len(self._orders) >= _CACHED:
                del self._orders[next(iter(self._orders))]
            self._orders[epoch] = self._make(epoch)
        return self._orders[epoch]

    @abstractmethod
    def _make(self, epoch: int) -> Order:
        """Compute the order of one epoch."""


class Epochs(_Ordered):
    """Each of `n` clips once per epoch, shuffled anew for every epoch."""

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
    """Clips of one group from one source, all drawn equally often.

    Attributes:
        clips: their indices among all clips.
        share: the requested share of the draws.
        draws: per epoch.
    """

    group: tuple[str, ...]
    clips: Order
    share: float
    draws: int


class Balanced(_Ordered):
    """Clips balanced by groups: a group with n clips (weighted) is drawn in proportion to n^(1/T).

    T = 1 keeps the natural shares; T = ∞ draws all groups equally often. (XLS-R and mBART sample languages this way,
    with an exponent alpha.) A group is a value of a column, or a combination of values of several columns; clips that
    lack one of the values keep their natural share. A source of weight 2 counts as if each of its clips occurred
    twice, in every group.

    An epoch has as many draws as there are clips. The number of draws of a group is the same in every epoch, and no
    clip of a group (from one source) is repeated before all others were drawn, so an epoch differs from the requested
    shares by a draw or two only, not by chance. Every stratum is drawn at least once per epoch.

    Args:
        columns: some of `clips.COLUMNS`.
        temperature: at least 1; may be `math.inf`.
        weights: of sources, by name; the default is 1. Parts of a source (`name/part`) have its weight.

    Raises:
        PlanError: there are no clips to draw.
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
        groups, speakers = grouped(clips, columns), [clip.speaker for clip in clips]
        self.strata = _strata(clips, groups, temperature, weights or {})
        self.note = "" if "speaker" in columns else single_voices(groups, speakers, self.shares())
        if columns and all(UNKNOWN in group for group in groups):
            self.note = f"{' and '.join(columns)} is unknown for all clips, so they are not balanced"

    def _make(self, epoch: int) -> Order:
        drawn = [self._draw(number, stratum, epoch) for number, stratum in enumerate(self.strata)]
        return np.random.default_rng([self._seed, epoch]).permutation(np.concatenate(drawn))

    def shares(self) -> NDArray[np.float64]:
        shares = np.zeros(self.draws)
        for stratum in self.strata:
            shares[stratum.clips] = stratum.share / len(stratum.clips)
        return shares

    def _draw(self, number: int, stratum: Stratum, epoch: int) -> Order:
        """The next `draws` of a stratum's clips, dealt like cards: reshuffled once all are dealt."""
        n = len(stratum.clips)
        first, last = epoch * stratum.draws, (epoch + 1) * stratum.draws
        decks = range(first // n, -(-last // n))
        dealt = np.concatenate([np.random.default_rng([self._seed, number, deck, 1]).permutation(n) for deck in decks])
        drawn: Order = stratum.clips[dealt[first - decks[0] * n : last - decks[0] * n]]
        return drawn


def grouped(clips: Sequence[Clip], columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The group of each clip: its values of the columns, or UNKNOWN.

    A clip with several accents counts for the rarest, to which it matters most.
    """
    counts = {name: Counter(value for clip in clips for value in clip.values(name)) for name in columns}

    def value(clip: Clip, name: str) -> str:
        return min(clip.values(name), key=lambda value: (counts[name][value], value), default=UNKNOWN)

    return [tuple(value(clip, name) for name in columns) for clip in clips]


def weight_of(source: str, weights: Mapping[str, float]) -> float:
    """The weight of a source, or of the source that it is a part of."""
    return weights.get(source, weights.get(source.rpartition("/")[0], 1.0))


def tempered(masses: Sequence[float], temperature: float) -> list[float]:
    """Shares in proportion to mass^(1/T); groups of mass 0 get 0, and at least one mass must be positive."""
    logs = [math.log(mass) / temperature if mass > 0 else -math.inf for mass in masses]
    top = max(logs)
    powers = [math.exp(log - top) for log in logs]
    return [power / sum(powers) for power in powers]


def apportion(shares: Sequence[float], draws: int) -> list[int]:
    """Integers that sum to `draws`, by largest remainder; at least 1 for every positive share.

    Args:
        draws: at least the number of shares.
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
    clips: Sequence[Clip], groups: Sequence[tuple[str, ...]], temperature: float, weights: Mapping[str, float]
) -> tuple[Stratum, ...]:
    members: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for index, (key, clip) in enumerate(zip(groups, clips, strict=True)):
        members[key, clip.source].append(index)
    keys = sorted(members)
    masses = [weight_of(source, weights) * len(members[key, source]) for key, source in keys]
    if any(not 0 <= mass < math.inf for mass in masses):
        raise PlanError(f"weights of sources must be 0 or more, and finite: {dict(weights)}")
    by_group: Counter[tuple[str, ...]] = Counter()
    for (key, _), mass in zip(keys, masses, strict=True):
        by_group[key] += mass  # type: ignore[assignment]  # a Counter of floats
    group_shares = _group_shares(by_group, temperature)
    shares = [
        group_shares[key] * mass / by_group[key] if mass else 0.0 for (key, _), mass in zip(keys, masses, strict=True)
    ]
    draws = apportion(shares, len(clips))
    return tuple(
        Stratum(key, np.array(members[key, source], np.int64), share, count)
        for (key, source), share, count in zip(keys, shares, draws, strict=True)
        if count
    )


def _group_shares(masses: Mapping[tuple[str, ...], float], temperature: float) -> dict[tuple[str, ...], float]:
    """The share of each group: the natural one if it is unknown; the others divide the rest by temperature."""
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
    """Weights of the sources, by name, from corpus.json."""
    sources = about.get("sources", ())
    if not isinstance(sources, Iterable):
        return {}
    return {str(s["name"]): float(s.get("weight", 1.0)) for s in sources if isinstance(s, dict) and "name" in s}


def sampler(words: str, clips: Sequence[Clip], seed: int, weights: Mapping[str, float] | None = None) -> Sampler:
    """The sampler for `--balance COLUMN[,COLUMN…][:TEMPERATURE]`; without columns, clips are not balanced.

    Weights of sources apply in both cases.

    Raises:
        PlanError: the option cannot be parsed, or there are no clips.
    """
    columns, temperature = balance(words)
    if not columns and len({weight_of(clip.source, weights or {}) for clip in clips}) <= 1:
        return Epochs(len(clips), seed)
    balanced = Balanced(clips, columns, temperature if columns else 1.0, seed, weights)
    if balanced.note:
        LOG.warning("--balance %s: %s", words, balanced.note)
    return balanced


def balance(words: str) -> tuple[list[str], float]:
    """Parse `COLUMN[,COLUMN…][:TEMPERATURE]` into columns and temperature (default 3; `inf` balances evenly).

    Raises:
        PlanError: it cannot be parsed.
    """
    names, _, number = words.partition(":")
    columns = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise PlanError(f"--balance: clips have no column {unknown[0]!r}, only {', '.join(COLUMNS)}")
    try:
        temperature = float(number) if number else DEFAULT_TEMPERATURE
    except ValueError:
        raise PlanError(f"--balance: {number!r} is not a temperature; use 1, 3 or inf, as in accent:3") from None
    if not temperature >= 1:
        raise PlanError(f"--balance: the temperature is 1 (not balanced) or more, not {temperature:g}")
    return columns, temperature
