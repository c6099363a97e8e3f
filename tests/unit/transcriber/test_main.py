"""A transcriber that cannot do what it is told does not start."""

from __future__ import annotations

import pytest

from tests.places import ROOT
from transcriber.main import main

MODEL = ROOT / "demo" / "model"


def test_a_task_that_the_model_cannot_do_stops_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    """The bundled model has a token for translating, as every Whisper, but was never taught to."""
    assert main([], {"TASK": "translate", "MODEL": str(MODEL), "DEVICE": "cpu"}) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint.startswith("transcriber: TASK=translate: this model cannot translate")
    assert str(MODEL) in complaint


def test_a_task_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {"TASK": "sing"}) == 2
    assert "TASK='sing' must be one of transcribe, translate" in capsys.readouterr().err
