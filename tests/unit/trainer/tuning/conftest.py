"""Fixture: instant training for trials."""

from __future__ import annotations

import pytest

from tests.unit.trainer.tuning.searches import FakeTraining
from trainer.tuning import trial


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    """Replaces the training of trials."""
    found = FakeTraining()
    monkeypatch.setattr(trial, "train_run", found)
    return found
