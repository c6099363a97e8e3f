"""`python -m api --help` explains every setting."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from api.__main__ import main
from api.settings import Settings
from wire.settings import describe


def test_every_variable_is_explained() -> None:
    text = describe(Settings)
    for field in dataclasses.fields(Settings):
        variable = field.metadata["variable"]
        line = text.partition(f"  {variable}=")[2].splitlines()[1]
        assert line.startswith("      "), variable


def test_help_describes_the_settings_and_has_examples(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["api", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "  VIEWER_QUEUE=200\n      Maximum number of messages" in out
    assert "examples:\n  python -m api\n" in out
