"""demo.preflight: whatever is in the way is told in one sentence that names the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from demo import preflight
from demo.ports import PreflightError


def test_a_given_redis_is_accepted(redis_url: str) -> None:
    preflight.check_redis(redis_url)


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:6379"])
def test_a_redis_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(PreflightError, match=r"REDIS_URL=.* is not an address such as redis://"):
        preflight.check_redis(url)


def test_a_given_redis_that_does_not_answer_is_named(free_port: Callable[[], int]) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(PreflightError, match=f"No Redis answers at REDIS_URL={url}"):
        preflight.check_redis(url)


def test_an_old_redis_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "redis_version", lambda url: (5, 0))
    with pytest.raises(PreflightError, match=r"is version 5\.0, and Undertext needs 6\.2"):
        preflight.check_redis("redis://127.0.0.1/0")


def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight.shutil, "which", lambda name, path=None: None)
    with pytest.raises(PreflightError, match="ffmpeg is not installed"):
        preflight.check_programs()
    with pytest.raises(PreflightError, match=r"No redis-server 6\.2"):
        preflight.find_redis_server()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PreflightError, match=r"DATA_DIR=.* cannot be made"):
        preflight.check_folder("DATA_DIR", tmp_path / "file" / "var")


@pytest.mark.parametrize("model", ["./nowhere", "/nowhere", "nowhere", "demo/nothing", "no/such/folder"])
def test_a_model_that_is_not_there_is_named(model: str) -> None:
    with pytest.raises(PreflightError, match=f"MODEL={model}: there is no folder "):
        preflight.check_model(model)


def test_a_folder_without_a_checkpoint_is_told_from_a_run(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="holds no checkpoint"):
        preflight.check_model(str(tmp_path))
    run = tmp_path / "fi-sv"
    (run / "best").mkdir(parents=True)
    (run / "best" / "config.json").write_text("{}")
    with pytest.raises(PreflightError, match=f"publish {run} models/fi-sv.*or set MODEL={run}/best") as told:
        preflight.check_model(str(run))
    assert "is a run of the trainer" in str(told.value)
    preflight.check_model(f"{run}/best")


def test_a_hub_id_and_a_checkpoint_pass(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    preflight.check_model(str(tmp_path))
    preflight.check_model("KBLab/kb-whisper-small")
