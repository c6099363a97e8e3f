"""Searches in this process whose trials do not train."""

from __future__ import annotations

import math
from pathlib import Path

import optuna

from trainer.training.options import Options
from trainer.training.train import Outcome, Told
from trainer.tuning.journal import local_storage
from trainer.tuning.running import LocalRunner, run_search
from trainer.tuning.space import parse
from trainer.tuning.study import StudySpec, begin

SPACE = ["learning-rate=1e-5..1e-3:log:4", "dropout=0,0.1,0.2"]


def spec_in(folder: Path, **words: object) -> StudySpec:
    """What is searched for in the study of a folder: by default in twelve points, with nothing pruned."""
    fixed = {"corpus": "/corpora/tones", "model": "tiny", "measures": 4}
    values = {"folder": folder / "study", "space": parse(SPACE), "fixed": fixed, "prune": "none", **words}
    return StudySpec(**values)  # type: ignore[arg-type]


def error_rate(options: Options) -> float:
    """Best at a learning rate of 1e-4 or so, and much dropout."""
    return 10 * abs(math.log10(options.learning_rate or 1) + 4) + 20 * (0.2 - options.dropout)


class FakeTraining:
    """In place of training: measures what the parameters say, and leaves what a run leaves."""

    def __init__(self) -> None:
        self.runs: list[Options] = []

    def __call__(self, options: Options, told: Told | None) -> Outcome:
        self.runs.append(options)
        for name in ("best", "last"):
            (options.run / name).mkdir(parents=True, exist_ok=True)
        (options.run / "checkpoint.pt").touch()
        for step in (1, 2, 3, 4):
            assert told
            told(step / 4, {"dev_wer_percent": error_rate(options), "dev_loss": 1.0})
        return Outcome(4, error_rate(options), options.run)


def search(spec: StudySpec, keep_all: bool = False) -> optuna.Study:
    """Conduct a search to its end."""
    study = begin(local_storage(spec.folder), spec)
    run_search(study, spec, LocalRunner(), keep_all)
    return study
