"""Runs of `train` in processes of their own, and what they leave to be compared."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

#: A few steps with all that is drawn at random; a checkpoint behind each.
STEADY = (
    *("--epochs", "3", "--batch", "8", "--measure-every", "4", "--log-every", "1", "--checkpoint-every-s", "0"),
    *("--dropout", "0.1", "--attention-dropout", "0.1", "--bpe-dropout", "0.2", "--spec-augment", "0.5"),
    *("--timestamps", "0.3", "--label-smoothing", "0.1", "--learning-rate", "0.003", "--accumulate", "2"),
)


def train_command(*words: str | Path) -> list[str]:
    """The command line of `train` with these words."""
    return [sys.executable, "-m", "trainer", "train", *map(str, words)]


def environment() -> dict[str, str]:
    """That of a process which finds this project wherever it is begun."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def metrics_of(run: Path) -> list[dict[str, Any]]:
    """What a run has measured: all but what the clock says."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "samples_per_s"} for line in lines]
