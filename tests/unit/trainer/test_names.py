"""Names on the command line are resolved to folders, checkpoints and hub ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.errors import PlanError
from trainer.names import checkpoint, run_path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with runs/mine (best and last), runs/young (no model yet), a study, and a download."""
    for folder in ("runs/mine/best", "runs/mine/last", "runs/young", "runs/sv/trial-0000/best", "openai/whisper-tiny"):
        (tmp_path / folder).mkdir(parents=True)
    for run in ("runs/mine", "runs/young", "runs/sv/trial-0000"):
        (tmp_path / run / "plan.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_is_its_best_model(place: Path) -> None:
    assert checkpoint("mine") == checkpoint("runs/mine") == "runs/mine/best"
    (place / "mine").mkdir()
    assert checkpoint("mine") == "runs/mine/best", "as `report` and `publish` have it"
    assert checkpoint("runs/mine/last") == "runs/mine/last"
    (place / "runs/mine/best").rmdir()
    assert checkpoint("mine") == "runs/mine/last"


def test_a_run_in_the_current_folder_is_found(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place / "runs")
    assert run_path("mine") == Path("mine")
    assert checkpoint("mine") == "mine/best"
    assert run_path("new") == Path("runs/new")


def test_names_that_are_not_folders_are_hub_ids() -> None:
    assert checkpoint("KBLab/kb-whisper-small") == "KBLab/kb-whisper-small"
    assert checkpoint("openai/whisper-tiny") == "openai/whisper-tiny"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("young", "runs/young has no model yet"),
        ("sv", "runs/sv is a study, and its trials are runs: its best trial is runs/sv/trial-0000"),
        ("nope", "there is no folder nope and no runs/nope: .* with an owner, such as openai/whisper-small"),
        ("./modle", "there is no folder modle"),
        ("a/b/c", "there is no folder a/b/c"),
        ("openai/whisper-small", "openai/ is a local folder"),
    ],
)
def test_missing_folders_are_refused_without_asking_the_hub(name: str, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        checkpoint(name)
