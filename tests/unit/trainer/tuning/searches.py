"""Searches in this process whose trials do not train."""

from __future__ import annotations

import math
from pathlib import Path

import optuna

from trainer.training.options import Options
from trainer.training.train import Outcome, Told
from trainer.tuning.conducting import Here, conduct
from trainer.tuning.journal import alone
from trainer.tuning.space import parse
from trainer.tuning.study import Asked, begin

SPACE = ["learning-rate=1e-5..1e-3:log:4", "dropout=0,0.1,0.2"]


def asked_in(folder: Path, **words: object) -> Asked:
    """What is searched for in the study of a folder: by default in twelve points, with nothing pruned."""
    fixed = {"corpus": "/corpora/tones", "model": "tiny", "measures": 4}
    values = {"folder": folder / "study", "space": parse(SPACE), "fixed": fixed, "prune": "none", **words}
    return Asked(**values)  # type: ignore[arg-type]


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


def search(asked: Asked, keep_all: bool = False) -> optuna.Study:
    """Conduct a search to its end."""
    study = begin(alone(asked.folder), asked)
    conduct(study, asked, Here(), keep_all)
    return study
