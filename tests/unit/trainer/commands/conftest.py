"""A run of `train` that several modules begin with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.trainer.commands.steady_runs import STEADY, environment, train_command


@pytest.fixture(scope="session")
def unbroken(corpus: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from its beginning to its end. Who changes it, changes a copy."""
    run = tmp_path_factory.mktemp("runs") / "unbroken"
    command = train_command(corpus, "--model", checkpoint, "--run", run, *STEADY)
    subprocess.run(command, check=True, capture_output=True, env=environment())
    return run
