"""Runs of `train` in separate processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.places import ROOT

#: A few steps with everything that is drawn at random, and a checkpoint after each.
STEADY = (
    *("--epochs", "3", "--batch", "8", "--measure-every", "4", "--log-every", "1", "--checkpoint-every-s", "0"),
    *("--dropout", "0.1", "--attention-dropout", "0.1", "--bpe-dropout", "0.2", "--spec-augment", "0.5"),
    *("--timestamps", "0.3", "--label-smoothing", "0.1", "--learning-rate", "0.003", "--accumulate", "2"),
)


def train_command(*words: str | Path) -> list[str]:
    """Return the command line of `train` with these arguments."""
    return [sys.executable, "-m", "trainer", "train", *map(str, words)]


def environment() -> dict[str, str]:
    """Return an environment in which a process finds this project from any directory."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}
