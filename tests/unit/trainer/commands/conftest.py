"""A run of `train` that several modules begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.trainer.commands.steady_runs import STEADY
from trainer.__main__ import main


@pytest.fixture(scope="session")
def unbroken(corpus: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from its beginning to its end. Who changes it, changes a copy."""
    run = tmp_path_factory.mktemp("runs") / "unbroken"
    assert main(["train", str(corpus), "--model", str(checkpoint), "--run", str(run), *STEADY]) == 0
    return run
