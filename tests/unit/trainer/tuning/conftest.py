"""Training that takes no time, for trials."""

from __future__ import annotations

import pytest

from tests.unit.trainer.tuning.searches import FakeTraining
from trainer.tuning import trial


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    """Trials of the test have this in place of training."""
    found = FakeTraining()
    monkeypatch.setattr(trial, "train_run", found)
    return found
