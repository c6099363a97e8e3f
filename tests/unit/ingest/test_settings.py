"""Settings: contradictory values are rejected at start, and --help explains every variable."""

from __future__ import annotations

import dataclasses

import pytest

from ingest.main import main
from ingest.settings import Settings
from wire.errors import SettingsError
from wire.settings import describe, load


def test_lead_longer_than_a_chunk_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"LEAD_S=3 must be at most CHUNK_S=2"):
        load(Settings, {"CHUNK_S": "2", "LEAD_S": "3"})


def test_too_short_interval_of_partial_chunks_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"PARTIAL_S=0.1 must be at least 0.25, or 0"):
        load(Settings, {"PARTIAL_S": "0.1"})
    assert load(Settings, {"PARTIAL_S": "0"}).partial_samples == 0


def test_samples_are_derived_from_seconds() -> None:
    settings = load(Settings, {"CHUNK_S": "2.5", "LEAD_S": "0.5"})
    assert (settings.chunk_samples, settings.lead_samples) == (40_000, 8_000)


def test_every_variable_is_explained() -> None:
    text = describe(Settings)
    for field in dataclasses.fields(Settings):
        variable = field.metadata["variable"]
        line = text.partition(f"  {variable}=")[2].splitlines()[1]
        assert len(line.strip()) > 10, variable


def test_help_describes_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "STALL_S" in capsys.readouterr().out


def test_invalid_setting_exits_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CHUNK_S", "often")
    assert main(["--check"]) == 2
    assert "CHUNK_S='often' is not a number" in capsys.readouterr().err
