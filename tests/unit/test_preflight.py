"""demo.preflight: whatever is in the way is told in one sentence that names the remedy."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo import preflight
from demo.preflight import PreflightError


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_names_the_variable(taken_port: int) -> None:
    with pytest.raises(PreflightError, match=rf"Port {taken_port} .* `make up PORT={taken_port + 1}`"):
        preflight.check_port("PORT", "127.0.0.1", taken_port)


def test_a_free_port_passes(free_port: Callable[[], int]) -> None:
    preflight.check_port("PORT", "127.0.0.1", free_port())


def test_one_port_for_two_services_names_both_variables() -> None:
    preflight.check_distinct({"PORT": 8000, "DEMO_PORT": 8010})
    with pytest.raises(PreflightError, match=r"PORT and DEMO_PORT are both 8010: .* `make up DEMO_PORT=8011`"):
        preflight.check_distinct({"PORT": 8010, "DEMO_PORT": 8010})


def test_a_foreign_redis_on_our_port_is_recognised(redis_url: str) -> None:
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    with pytest.raises(PreflightError, match=r"A Redis that is not ours .* REDIS_URL=.* REDIS_PORT="):
        preflight.check_port("REDIS_PORT", "127.0.0.1", port)


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
