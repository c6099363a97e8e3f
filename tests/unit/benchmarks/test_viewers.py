"""The viewers benchmark, with few viewers and for a short time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.viewers import __main__ as viewers


def test_every_caption_reaches_every_viewer_of_both_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "QUICK_S", 1.0)
    assert viewers.main(["--quick", "--viewers", "40", "--json", str(tmp_path / "figures.json")]) == 0
    result = json.loads((tmp_path / "figures.json").read_text())
    assert [(row["viewers"], row["lost"]) for row in result["rows"]] == [(40, 0), (40, 0)]
    ours, theirs = result["rows"]
    assert result["figures"]["viewers_p99_ms"] == ours["delay p99"] > 0
    assert result["figures"]["subscriptions_p99_ms"] == theirs["delay p99"] > 0
    assert theirs["redis"] >= 40 > ours["redis"]


def test_a_server_that_cannot_start_is_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PING_INTERVAL_S", "never")
    assert viewers.main(["--quick", "--viewers", "1"]) == 1
    assert "PING_INTERVAL_S" in capsys.readouterr().err
