"""Processes that share the GPUs of a machine through a real Redis; the GPUs exist only in a fake list."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from wire import gpus, keys
from wire.bus import UNAVAILABLE, Redis, connect
from wire.gpus import VISIBLE, reserve_gpu

A, B = "GPU-11111111-aaaa", "GPU-22222222-bbbb"
LIST = f"""\
GPU 0: NVIDIA H200 (UUID: {A})
  MIG 1g.18gb     Device  0: (UUID: MIG-55555555-cccc)
GPU 1: NVIDIA H200 (UUID: {B})
"""
FAILED = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the output of nvidia-smi."""

    def tell(words: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{words}\nEND\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return tell


@pytest.mark.parametrize(
    ("environ", "words", "expected"),
    [
        ({}, LIST, [A, B]),
        ({}, FAILED, []),
        ({VISIBLE: "3, 5"}, LIST, ["3", "5"]),
        ({VISIBLE: "0,-1,1"}, LIST, ["0"]),
        ({VISIBLE: ""}, LIST, []),
    ],
)
def test_visible_gpus(
    environ: dict[str, str], words: str, expected: list[str], nvidia_smi: Callable[[str], None]
) -> None:
    nvidia_smi(words)
    assert gpus.visible(environ) == expected


def test_each_process_takes_the_gpu_with_the_fewest_others(redis: Redis, nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi(LIST)
    with reserve_gpu(redis, {}) as first, ExitStack() as others:
        environ: dict[str, str] = {}
        assert {first, others.enter_context(reserve_gpu(redis, environ))} == {A, B}
        assert environ[VISIBLE] != first, "each process sees a different GPU"
        with reserve_gpu(redis, {}) as third:
            assert third == first, "both GPUs have one process"
            others.close()
            with reserve_gpu(redis, {}) as fourth:
                assert fourth == environ[VISIBLE], "it was released"
    assert not redis.keys(keys.gpu("*"))


def test_gpu_of_a_killed_process_becomes_free(redis: Redis, nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi(LIST)
    seconds, _ = redis.time()  # type: ignore[misc]
    redis.zadd(keys.gpu(A), {"killed": seconds - 1})
    redis.zadd(keys.gpu(B), {"alive": seconds + 100})
    with reserve_gpu(redis, {}) as taken:
        assert taken == A


def test_live_process_keeps_its_gpu(
    redis: Redis, nvidia_smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    nvidia_smi(LIST)
    monkeypatch.setattr(gpus, "BEAT_S", 0.05)
    with reserve_gpu(redis, {}) as taken:
        assert taken
        redis.delete(keys.gpu(taken))  # Redis lost it in an outage
        wait_until(lambda: redis.zcard(keys.gpu(taken)) == 1)
    assert not redis.exists(keys.gpu(taken))


@pytest.mark.parametrize("words", [LIST.splitlines()[0], FAILED])
def test_nothing_changes_with_at_most_one_gpu(words: str, nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi(words)
    environ: dict[str, str] = {}
    with reserve_gpu(connect("redis://127.0.0.1:1/0", patience_s=0.1), environ) as taken:
        assert taken is None
    assert not environ


def test_several_gpus_need_redis(nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi(LIST)
    with pytest.raises(UNAVAILABLE), reserve_gpu(connect("redis://127.0.0.1:1/0", patience_s=0.1), {}):
        pass


def test_gpu_numbers_are_local_to_a_machine(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    for machine in ("one", "other"):
        monkeypatch.setattr(gpus.socket, "gethostname", lambda machine=machine: machine)
        with reserve_gpu(redis, {VISIBLE: "0,1"}) as taken:
            assert taken == "0"
            assert redis.keys(keys.gpu("*")) == [keys.gpu(f"{machine}:0").encode()]
