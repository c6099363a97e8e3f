"""Search spaces, proposals and pruners."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from trainer.errors import PlanError
from trainer.tuning.search import propose, pruner
from trainer.tuning.space import Space, parse


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("learning-rate=1e-5..1e-3:log", FloatDistribution(1e-5, 1e-3, log=True)),
        ("--learning-rate=1e-5..1e-3:log:3", CategoricalDistribution([1e-5, 1e-4, 1e-3])),
        ("dropout=0..0.3", FloatDistribution(0.0, 0.3)),
        ("dropout=0..0.3:4", CategoricalDistribution([0.0, 0.1, 0.2, 0.3])),
        ("batch=64,16,32", CategoricalDistribution([16, 32, 64])),
        ("batch=8..64", IntDistribution(8, 64)),
        ("batch=8..64:log:4", CategoricalDistribution([8, 16, 32, 64])),
        ("augment=none,light,radio", CategoricalDistribution(["none", "light", "radio"])),
        ("augment=none|radio,noise:0.5:0..20", CategoricalDistribution(["none", "radio,noise:0.5:0..20"])),
        ("freeze-encoder=no,yes", CategoricalDistribution([False, True])),
    ],
)
def test_settings_become_distributions(word: str, found: Any) -> None:
    [distribution] = parse([word]).distributions.values()
    assert distribution == found


@pytest.mark.parametrize(
    ("word", "choices"),
    [
        ("augment=light|radio,noise:0.5:0..20:rain", ["light", "radio,noise:0.5:0..20:{here}/rain"]),
        (
            "augment=noise:0.5::/noise,room:0.1:0.1..0.2:my:rooms",
            ["noise:0.5::/noise", "room:0.1:0.1..0.2:{here}/my:rooms"],
        ),
        ("without-speech=0.1|0.05:rain:/music", ["0.1", "0.05:{here}/rain:/music"]),
    ],
)
def test_folders_are_made_absolute(word: str, choices: list[str]) -> None:
    space = parse([word])
    [distribution] = space.distributions.values()
    assert distribution == CategoricalDistribution([choice.format(here=Path.cwd()) for choice in choices])
    assert parse([f"{name.replace('_', '-')}={words}" for name, words in space.words.items()]) == space


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["learnin-rate=1,2"], "--vary learnin-rate is not an option of train: did you mean learning-rate?"),
        (["device=cpu,cuda"], "--vary device does not affect the model"),
        (["dropout"], "--vary dropout is not NAME=VALUES"),
        (["dropout=a,b"], "--vary dropout=a,b: it takes numbers, or LOW..HIGH"),
        (["dropout=0.3..0"], "--vary dropout=0.3..0: 0.3..0 is not a range"),
        (["dropout=0..0.3:log"], "--vary dropout=0..0.3:log: 0 has no logarithm"),
        (["dropout=2..3"], "--dropout must be from 0 to 1, not 2.0"),
        (["batch=0,1"], "--vary batch=0,1: --batch must be more than 0"),
        (["augment=light,wind"], "no effect or preset 'wind'"),
        (["balance=accent|colour"], "clips have no column 'colour'"),
        (["without-speech=0.1,much"], "'much' is not a share"),
        (["lr=1e-4,1e-3"], "did you mean learning-rate?"),
        (["dropout=0,nan"], "--vary dropout=0,nan: it takes"),
        (["batch=1.5,2"], "--vary batch=1.5,2: it takes whole numbers"),
        (["freeze-encoder=maybe"], "--vary freeze-encoder=maybe: it takes yes,no"),
        (["dropout=0,1", "dropout=2,3"], "--vary dropout is given twice"),
        (["learning-rate=3"], "--vary learning-rate=3 has only one value: give --learning-rate"),
        (["dropout=0,0.1", "batch=16,16"], "--vary batch=16,16 has only one value"),
        (["augment=light"], "--vary augment=light has only one value"),
        ([], "nothing varies"),
    ],
)
def test_invalid_settings_are_refused_with_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(PlanError) as error:
        parse(words)
    assert sentence in str(error.value)


def _trial(space: Space, params: dict[str, Any], value: float | None, state: TrialState) -> FrozenTrial:
    reports = {1: 50.0} if state == TrialState.PRUNED else {}
    return optuna.create_trial(
        params=params, distributions=space.distributions, value=value, state=state, intermediate_values=reports
    )


def _searched(space: Space, search: str, count: int, seed: int = 1) -> list[FrozenTrial]:
    """Return up to this many proposed trials, in all states."""
    trials: list[FrozenTrial] = []
    ends = (TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.FAIL)
    while len(trials) < count and (params := propose(space, trials, search, seed)) is not None:
        state = ends[len(trials) % len(ends)]
        trials.append(_trial(space, params, _bowl(params) if state == TrialState.COMPLETE else None, state))
    return trials


def _bowl(params: dict[str, Any]) -> float:
    """Return an error rate that is lowest at a learning rate of 1e-4 and a dropout of 0.1."""
    rate, dropout = params["learning_rate"], params["dropout"]
    return float(abs(math.log10(rate) + 4) + 10 * abs(dropout - 0.1))


GRID = ["learning-rate=1e-5..1e-3:log:5", "dropout=0..0.3:4", "augment=none,radio"]


@pytest.mark.parametrize("search", ["grid", "random", "tpe"])
def test_every_search_tries_each_point_once_and_then_ends(search: str) -> None:
    space = parse(GRID)
    trials = _searched(space, search, 100)
    assert sorted(map(repr, (t.params for t in trials))) == sorted(map(repr, space.grid()))
    assert len(trials) == 40


@pytest.mark.parametrize("search", ["grid", "random", "tpe"])
def test_an_interrupted_search_proposes_the_same_trials(search: str) -> None:
    space = parse(GRID)
    trials = _searched(space, search, 15, seed=3)
    assert [t.params for t in _searched(space, search, 15, seed=3)] == [t.params for t in trials]
    assert propose(space, trials[:9], search, 3) == trials[9].params
    assert [t.params for t in _searched(space, search, 15, seed=4)] != [t.params for t in trials]


def test_a_part_of_a_grid_covers_its_range() -> None:
    space = parse(GRID)
    found = [trial.params for trial in _searched(space, "grid", 20)]
    assert {p["learning_rate"] for p in found} == {p["learning_rate"] for p in space.grid()}
    assert {p["augment"] for p in found} == {"none", "radio"}


def test_a_grid_needs_points() -> None:
    with pytest.raises(PlanError, match=r"--vary dropout=0..0.3:5 takes five from the range"):
        propose(parse(["dropout=0..0.3"]), [], "grid", 1)


def test_tpe_finds_better_values_than_random_search() -> None:
    space = parse(["learning-rate=1e-6..1e-2:log", "dropout=0..0.5"])

    def last_ten(search: str, seed: int) -> float:
        trials: list[FrozenTrial] = []
        for _ in range(30):
            params = propose(space, trials, search, seed)
            assert params is not None
            trials.append(_trial(space, params, _bowl(params), TrialState.COMPLETE))
        return sum(_bowl(trial.params) for trial in trials[-10:])

    seeds = range(3)
    assert sum(last_ten("tpe", seed) for seed in seeds) < 0.7 * sum(last_ten("random", seed) for seed in seeds)


@pytest.mark.parametrize(("name", "pruned"), [("none", False), ("median", True), ("halving", True)])
def test_a_pruner_stops_trials_worse_than_most(name: str, pruned: bool) -> None:
    study = optuna.create_study(pruner=pruner(name))
    for value in (10.0, 11.0, 12.0, 13.0):
        trial = study.ask()
        for step in (1, 2):
            trial.report(value, step)
            trial.should_prune()
        study.tell(trial, value)
    bad = study.ask()
    found = []
    for step in (1, 2):
        bad.report(90.0, step)
        found.append(bad.should_prune())
    assert any(found) == pruned
