"""A transcriber with unsupported settings does not start."""

from __future__ import annotations

import pytest

from tests.places import ROOT
from transcriber.main import main

MODEL = ROOT / "demo" / "model"


def test_unsupported_task_stops_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    """The bundled model has a token for translation, like every Whisper, but was not trained for it."""
    assert main([], {"TASK": "translate", "MODEL": str(MODEL), "DEVICE": "cpu"}) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint.startswith("transcriber: TASK=translate: this model cannot translate")
    assert str(MODEL) in complaint


def test_unknown_task_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {"TASK": "sing"}) == 2
    assert "TASK='sing' must be one of transcribe, translate" in capsys.readouterr().err
