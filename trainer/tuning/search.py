"""Which parameters are tried next, and which trials are not worth their end: Optuna's samplers and pruners.

A proposal depends on nothing but the seed and the trials there are, so a search that was interrupted goes on as it
would have. It is drawn in a study of its own, which is thrown away: a draw that repeats a trial leaves no trace in the
real one. There, a list of numbers is their places in order, so that TPE knows what lies beside what.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from trainer.tuning.space import Space

#: Trials that TPE draws at random before it believes in what it has seen.
STARTUP_TRIALS = 8
#: Trials that must have come to their end before the median of any says something.
PRUNE_AFTER_TRIALS = 4
#: Draws after which a sampler that repeats itself is taken not to know of anything new.
_DRAWS = 30
#: An untried point is looked for among so many at most.
_MOST_POINTS = 100_000


def propose(space: Space, trials: Sequence[FrozenTrial], search: str, seed: int) -> dict[str, Any] | None:
    """Parameters that no trial has had, by the words of `--search`; None: there are no others."""
    tried = {_key(trial.params) for trial in trials}
    if search == "grid":
        return _untried(space, tried, seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    scratch = optuna.create_study(sampler=_sampler(search, seed + len(trials)))
    scratch.add_trials([_coded(trial, space) for trial in trials if trial.state != TrialState.FAIL])
    distributions = {name: _ordered(found) for name, found in space.distributions.items()}
    for _ in range(_DRAWS):
        params = _decoded(scratch.ask(distributions).params, space)
        if _key(params) not in tried:
            return params
    return _untried(space, tried, seed) if _countable(space) else None


def pruner(name: str) -> optuna.pruners.BasePruner:
    """A pruner by the words of `--prune`. Steps are measures of a trial, spread evenly over its training."""
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
    """The first point of the grid that was not tried. They are shuffled: a part of the grid covers all of it."""
    points = space.grid()
    random.Random(seed).shuffle(points)
    return next((point for point in points if _key(point) not in tried), None)


def _countable(space: Space) -> bool:
    count = 1
    for found in space.distributions.values():
        if isinstance(found, CategoricalDistribution):
            count *= len(found.choices)
        elif isinstance(found, IntDistribution) and not found.log:
            count *= found.high - found.low + 1
        else:
            return False
    return count <= _MOST_POINTS


def _key(params: dict[str, Any]) -> str:
    return repr(sorted(params.items()))


def _places(found: BaseDistribution) -> list[Any] | None:
    """The values of a list of numbers, in their order; None: it is no such list."""
    if not isinstance(found, CategoricalDistribution) or len(found.choices) < 2:
        return None
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in found.choices)
    return list(found.choices) if numbers else None


def _ordered(found: BaseDistribution) -> BaseDistribution:
    places = _places(found)
    return found if places is None else IntDistribution(0, len(places) - 1)


def _coded(trial: FrozenTrial, space: Space) -> FrozenTrial:
    params = {}
    for name, value in trial.params.items():
        places = _places(space.distributions[name])
        params[name] = value if places is None else places.index(value)
    return optuna.create_trial(
        state=trial.state,
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        params=params,
        distributions={name: _ordered(space.distributions[name]) for name in params},
        intermediate_values=trial.intermediate_values,
    )


def _decoded(params: dict[str, Any], space: Space) -> dict[str, Any]:
    places = {name: _places(space.distributions[name]) for name in params}
    return {name: value if (found := places[name]) is None else found[value] for name, value in params.items()}
