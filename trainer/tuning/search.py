"""Proposes the parameters of the next trial, and creates pruners, with Optuna's samplers and pruners.

A proposal depends only on the seed and the existing trials, so an interrupted search resumes as it would have
continued. It is drawn in a temporary study, so that a draw that repeats a trial leaves no trace in the real one. There,
numbers in a list are replaced by their indices in order, so that TPE knows which values are close to each other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from trainer.tuning.space import Space

#: Trials that TPE draws at random before it uses their results.
STARTUP_TRIALS = 8
#: Complete trials that the median pruner needs before it prunes.
PRUNE_AFTER_TRIALS = 4
#: Maximum number of draws before the sampler is considered exhausted.
_MAX_DRAWS = 30
#: Maximum number of points in a space that is searched for an untried one.
_MAX_POINTS = 100_000


def propose(space: Space, trials: Sequence[FrozenTrial], search: str, seed: int) -> dict[str, Any] | None:
    """Return parameters that no trial has had, with the algorithm of `--search`; None if there are no others."""
    tried = {_key(trial.params) for trial in trials}
    if search == "grid":
        return _untried(space, tried, seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    scratch = optuna.create_study(sampler=_sampler(search, seed + len(trials)))
    scratch.add_trials([_encoded(trial, space) for trial in trials if trial.state != TrialState.FAIL])
    distributions = {name: _ordered(distribution) for name, distribution in space.distributions.items()}
    for _ in range(_MAX_DRAWS):
        params = _decoded(scratch.ask(distributions).params, space)
        if _key(params) not in tried:
            return params
    return _untried(space, tried, seed) if _countable(space) else None


def pruner(name: str) -> optuna.pruners.BasePruner:
    """Return the pruner for a value of `--prune`. Its steps are evaluations, spread evenly over a trial's training."""
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=PRUNE_AFTER_TRIALS, n_warmup_steps=2)
    if name == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    return optuna.pruners.NopPruner()


def _sampler(search: str, seed: int) -> optuna.samplers.BaseSampler:
    if search == "random":
        return optuna.samplers.RandomSampler(seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)


def _untried(space: Space, tried: set[str], seed: int) -> dict[str, Any] | None:
    """Return an untried point of the grid; the order is random, so that a part of the grid covers its whole range."""
    points = space.grid()
    random.Random(seed).shuffle(points)
    return next((point for point in points if _key(point) not in tried), None)


def _countable(space: Space) -> bool:
    count = 1
    for distribution in space.distributions.values():
        if isinstance(distribution, CategoricalDistribution):
            count *= len(distribution.choices)
        elif isinstance(distribution, IntDistribution) and not distribution.log:
            count *= distribution.high - distribution.low + 1
        else:
            return False
    return count <= _MAX_POINTS


def _key(params: dict[str, Any]) -> str:
    return repr(sorted(params.items()))


def _numbers(distribution: BaseDistribution) -> list[Any] | None:
    """Return the numbers of a list in order; None for any other distribution."""
    if not isinstance(distribution, CategoricalDistribution) or len(distribution.choices) < 2:
        return None
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in distribution.choices)
    return list(distribution.choices) if numeric else None


def _ordered(distribution: BaseDistribution) -> BaseDistribution:
    numbers = _numbers(distribution)
    return distribution if numbers is None else IntDistribution(0, len(numbers) - 1)


def _encoded(trial: FrozenTrial, space: Space) -> FrozenTrial:
    params = {}
    for name, value in trial.params.items():
        numbers = _numbers(space.distributions[name])
        params[name] = value if numbers is None else numbers.index(value)
    return optuna.create_trial(
        state=trial.state,
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        params=params,
        distributions={name: _ordered(space.distributions[name]) for name in params},
        intermediate_values=trial.intermediate_values,
    )


def _decoded(params: dict[str, Any], space: Space) -> dict[str, Any]:
    numbers = {name: _numbers(space.distributions[name]) for name in params}
    return {name: value if (choices := numbers[name]) is None else choices[value] for name, value in params.items()}
