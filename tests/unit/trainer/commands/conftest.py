"""Fixture: a complete run of `train`, shared by several modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.trainer.commands.steady_runs import STEADY
from trainer.__main__ import main


@pytest.fixture(scope="session")
def unbroken(corpus: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run; copy it before changing it."""
    run = tmp_path_factory.mktemp("runs") / "unbroken"
    assert main(["train", str(corpus), "--model", str(checkpoint), "--run", str(run), *STEADY]) == 0
    return run
