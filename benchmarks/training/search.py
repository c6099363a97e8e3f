"""Compare grid search, random search and TPE with the same number of trials, in a small search space on digits.

All points are trained once, by `tune`'s own grid; then each search is repeated with many seeds, and looks results up
in that table instead of training (a tabular benchmark, as Klein and Hutter, "Tabular Benchmarks for Joint Architecture
and Hyperparameter Optimization", 2019). So hundreds of repetitions, with real results, cost no more than one; but
nothing is known between the points.

With few trials a grid must be coarse: it has as many points as trials. The other searches draw from all points.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from trainer.corpus.clips import Corpus
from trainer.tuning.journal import local_storage
from trainer.tuning.running import LocalRunner, run_search
from trainer.tuning.search import propose
from trainer.tuning.space import Space, parse
from trainer.tuning.study import StudySpec, begin, trials_of

#: All points, and the subset that forms the coarse grid.
POINTS = ("learning-rate=1e-4..1e-2:log:7", "batch=4,8,16", "dropout=0,0.2")
COARSE = ("learning-rate=1e-4..1e-2:log:3", "batch=4,16", "dropout=0,0.2")
#: A trial trains on a tenth of the digits, and is evaluated on this many dev clips: some seconds on a CPU.
EPOCHS, DEV_CLIPS = 0.1, 100
#: Numbers of trials after which the best result is reported; the last is the budget.
AFTER = (3, 6, 9, 12)
SEEDS = 200
SEARCHES = ("grid", "random", "tpe")

#: Error rates in percent by parameters.
Table = Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """For each search, the best error rate after each number of trials in AFTER, for every seed."""

    best: Mapping[str, Sequence[Sequence[float]]]
    table: Table

    def rows(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for name, seeds in self.best.items():
            row: dict[str, object] = {"search": name}
            for place, count in enumerate(AFTER):
                values = [one[place] for one in seeds]
                low, *_, high = statistics.quantiles(values, n=10)
                row[f"best of {count}, WER %"] = f"{statistics.fmean(values):.1f} ({low:.1f} to {high:.1f})"
            row["against chance, points"] = _change(seeds, self.best["random"])
            row["found the best"] = f"{sum(one[-1] <= min(self.table.values()) for one in seeds)} of {len(seeds)}"
            rows.append(row)
        values = sorted(self.table.values())
        of = f"all {len(values)} points"
        return [*rows, {"search": of, f"best of {AFTER[-1]}, WER %": f"{values[0]:.1f} to {values[-1]:.1f}"}]

    def figures(self) -> dict[str, float]:
        return {
            f"search_wer_percent_{name}": statistics.fmean(one[-1] for one in seeds)
            for name, seeds in self.best.items()
        }


def measure_table(corpus: Corpus, model: str, folder: Path) -> Table:
    """Train all points, resuming an earlier attempt; return the error rate of each."""
    fixed = {"corpus": str(corpus.folder.absolute()), "model": model, "epochs": EPOCHS, "dev_clips": DEV_CLIPS}
    fixed |= {"measures": 1, "workers": 0, "join": 0.0}
    spec = StudySpec(folder.absolute(), parse(POINTS), fixed, prune="none", search="grid", trials=None)
    study = begin(local_storage(spec.folder), spec)
    run_search(study, spec, LocalRunner())
    return {key(trial.params): trial.value for trial in trials_of(study) if trial.value is not None}


def compare_searches(table: Table, seeds: int = SEEDS, progress: Callable[[], object] = lambda: None) -> Outcome:
    """Run each search with every seed.

    Args:
        progress: called after each repetition, SEARCHES times per seed.
    """
    best: dict[str, list[list[float]]] = {name: [] for name in SEARCHES}
    for name, rates in best.items():
        space = parse(COARSE if name == "grid" else POINTS)
        for seed in range(seeds):
            # A proposal's seed depends on the search's seed and the trial's number: keep seeds far apart.
            values = simulate_search(space, table, name, 1000 * seed, AFTER[-1])
            rates.append([min(values[:count]) for count in AFTER])
            progress()
    return Outcome(best, table)


def simulate_search(space: Space, table: Table, search: str, seed: int, trials: int) -> list[float]:
    """Run a search on the table instead of training; return its trials' error rates in order."""
    done: list[FrozenTrial] = []
    while len(done) < trials and (params := propose(space, done, search, seed)) is not None:
        # A failed trial has no error rate: the search gets the worst one.
        value = table.get(key(params), max(table.values()))
        done.append(
            optuna.create_trial(
                state=TrialState.COMPLETE, params=params, distributions=space.distributions, value=value
            )
        )
    return [trial.value for trial in done if trial.value is not None]


def _change(ours: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> str:
    """Mean difference, over seeds, of the best results with the whole budget, with its 95 % interval."""
    apart = [one[-1] - other[-1] for one, other in zip(ours, others, strict=True)]
    mean, reach = statistics.fmean(apart), 1.96 * statistics.stdev(apart) / math.sqrt(len(apart))
    return f"{mean:+.1f} ({mean - reach:+.1f} to {mean + reach:+.1f})" if reach or mean else ""


def key(params: Mapping[str, Any]) -> str:
    """A point's key in the table."""
    return repr(sorted(params.items()))
