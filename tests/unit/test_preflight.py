"""demo.preflight: each problem is reported in one message with its remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis

from demo import preflight
from demo.ports import PreflightError
from wire import keys
from wire.workers import Worker


def test_a_given_redis_is_accepted(redis_url: str) -> None:
    preflight.check_redis(redis_url)


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:6379"])
def test_invalid_redis_url_is_reported(url: str) -> None:
    with pytest.raises(PreflightError, match=r"REDIS_URL=.* is not an address such as redis://"):
        preflight.check_redis(url)


def test_redis_that_does_not_respond_is_reported(free_port: Callable[[], int]) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(PreflightError, match=f"No Redis responds at REDIS_URL={url}"):
        preflight.check_redis(url)


@pytest.mark.parametrize(
    "url",
    [
        *("redis://:secret@127.0.0.1:1/0", "redis://secret@127.0.0.1:1", "redis://user:sec@secret@127.0.0.1:1"),
        *("redis://127.0.0.1:1/0?password=secret&db=1", ":secret@127.0.0.1:1", "rediss://:secret@127.0.0.1:x/0"),
    ],
)
def test_password_is_not_shown(url: str) -> None:
    with pytest.raises(PreflightError) as refused:
        preflight.check_redis(url)
    assert "sec" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value)


@pytest.mark.parametrize("password", ["", "wr:ng"])
def test_redis_that_refuses_the_password_is_reported_without_it(redis_url: str, password: str) -> None:
    url = urlsplit(redis_url)
    with Redis.from_url(redis_url) as redis:
        redis.config_set("requirepass", "secret")
        try:
            with pytest.raises(PreflightError, match="requires a password, or another one") as refused:
                preflight.check_redis(f"redis://:{password}@{url.netloc}{url.path}" if password else redis_url)
            assert password not in str(refused.value) or not password
            preflight.check_redis(f"redis://:secret@{url.netloc}{url.path}")
        finally:
            redis.config_set("requirepass", "")


def test_second_system_on_one_redis_is_refused(redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "TTL_S", -1)  # do not wait for its heartbeat to expire
    with Worker(redis, "transcriber", lambda: b""):
        preflight.check_alone(redis_url)
        assert not preflight.has_system(redis_url)
    with Worker(redis, "ingest", lambda: b""):
        assert preflight.has_system(redis_url)
        with pytest.raises(PreflightError, match=r"Another Undertext is running .* use `make transcribers`"):
            preflight.check_alone(redis_url)


def test_heartbeat_of_a_killed_system_is_awaited(redis: Redis, redis_url: str) -> None:
    redis.set(keys.worker("ingest-0"), b"killed\n", px=300)
    preflight.check_alone(redis_url)
    assert not preflight.has_system(redis_url)


def test_an_old_redis_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "redis_version", lambda url: (5, 0))
    with pytest.raises(PreflightError, match=r"is version 5\.0, but Undertext needs 6\.2"):
        preflight.check_redis("redis://127.0.0.1/0")


def test_missing_programs_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight.shutil, "which", lambda name, path=None: None)
    with pytest.raises(PreflightError, match="ffmpeg is not installed"):
        preflight.check_programs()
    with pytest.raises(PreflightError, match=r"No redis-server 6\.2"):
        preflight.find_redis_server()


def test_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PreflightError, match=r"DATA_DIR=.* cannot be created"):
        preflight.check_folder("DATA_DIR", tmp_path / "file" / "var")


def test_new_data_folder_is_private(tmp_path: Path) -> None:
    preflight.check_folder("DATA_DIR", tmp_path / "new" / "var")
    assert (tmp_path / "new" / "var").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("model", ["./nowhere", "/nowhere", "nowhere", "demo/nothing", "runs/mine", "no/such/folder"])
def test_missing_model_folder_is_reported(model: str) -> None:
    with pytest.raises(PreflightError, match=f"MODEL={model}: there is no folder "):
        preflight.check_model(model)


@pytest.mark.parametrize(
    ("makeflags", "meant"),
    [
        (" -- PROT=9000", "PORT"),
        (" -- port=9000", "PORT"),
        (" -- PORTS:=9000", "PORT"),
        ("s -- MODEL=x TRANSCRIBER=2", "TRANSCRIBERS"),
        (" -- BATCHSIZE=4", "BATCH_SIZE"),
    ],
)
def test_misspelt_setting_is_reported(makeflags: str, meant: str) -> None:
    with pytest.raises(PreflightError, match=rf"is not a setting\. Did you mean {meant}\?"):
        preflight.check_variables(makeflags)


@pytest.mark.parametrize(
    "makeflags",
    [
        "",
        "s",
        " -- PORT=9000 MODEL=demo/model",
        " -- PYTHON=python3.12 HF_HOME=/x API_KEY=1 DEMO_HOST=x",
        " -- API_TOKEN=a\\ PROT=b",
    ],
)
def test_settings_and_variables_of_other_programs_pass(makeflags: str) -> None:
    preflight.check_variables(makeflags)


def test_run_folder_is_distinguished_from_a_folder_without_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="contains no checkpoint"):
        preflight.check_model(str(tmp_path))
    run = tmp_path / "fi-sv"
    (run / "best").mkdir(parents=True)
    (run / "best" / "config.json").write_text("{}")
    with pytest.raises(PreflightError, match=f"publish {run} models/fi-sv.*or set MODEL={run}/best") as error:
        preflight.check_model(str(run))
    assert "is a training run" in str(error.value)
    preflight.check_model(f"{run}/best")


def test_a_hub_id_and_a_checkpoint_pass(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    preflight.check_model(str(tmp_path))
    preflight.check_model("KBLab/kb-whisper-small")
