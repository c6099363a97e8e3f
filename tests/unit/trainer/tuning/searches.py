"""Local searches whose trials do not train."""

from __future__ import annotations

import math
from pathlib import Path

import optuna

from trainer.training.options import Options
from trainer.training.train import OnMeasure, Outcome
from trainer.tuning.journal import local_storage
from trainer.tuning.running import LocalRunner, run_search
from trainer.tuning.space import parse
from trainer.tuning.study import StudySpec, begin

SPACE = ["learning-rate=1e-5..1e-3:log:4", "dropout=0,0.1,0.2"]


def spec_in(folder: Path, **words: object) -> StudySpec:
    """Return a study in a folder, by default with twelve points and without pruning."""
    fixed = {"corpus": "/corpora/tones", "model": "tiny", "measures": 4}
    values = {"folder": folder / "study", "space": parse(SPACE), "fixed": fixed, "prune": "none", **words}
    return StudySpec(**values)  # type: ignore[arg-type]


def error_rate(options: Options) -> float:
    """Return an error rate that is lowest near a learning rate of 1e-4 and with high dropout."""
    return 10 * abs(math.log10(options.learning_rate or 1) + 4) + 20 * (0.2 - options.dropout)


class FakeTraining:
    """Replaces training: reports an error rate that depends on the parameters, and writes a run's files."""

    def __init__(self) -> None:
        self.runs: list[Options] = []

    def __call__(self, options: Options, on_measure: OnMeasure | None) -> Outcome:
        self.runs.append(options)
        for name in ("best", "last"):
            (options.run / name).mkdir(parents=True, exist_ok=True)
        (options.run / "checkpoint.pt").touch()
        for step in (1, 2, 3, 4):
            assert on_measure
            on_measure(step / 4, {"dev_wer_percent": error_rate(options), "dev_loss": 1.0})
        return Outcome(4, error_rate(options), options.run)


def search(spec: StudySpec, keep_all: bool = False) -> optuna.Study:
    """Run a search to its end."""
    study = begin(local_storage(spec.folder), spec)
    run_search(study, spec, LocalRunner(), keep_all)
    return study
