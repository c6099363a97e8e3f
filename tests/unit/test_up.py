"""What `make up` starts, before anything is started."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from demo.up import Settings, heed_make, services


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "192.0.2.7"])
def test_the_demo_station_is_where_the_stations_file_looks_for_it(host: str) -> None:
    kept = {service.name: service for service in services(Settings(host=host, redis_url="redis://127.0.0.1:1/0"))}
    assert kept["api"].environ["HOST"] == host
    assert kept["station"].environ["HOST"] == "127.0.0.1"
    assert kept["ingest"].environ["DEMO_URL"] == f"http://127.0.0.1:{kept['station'].environ['DEMO_PORT']}/stream.mp3"


def test_two_transcribers_are_two_processes() -> None:
    names = [service.name for service in services(Settings(transcribers=2, redis_url="redis://127.0.0.1:1/0"))]
    assert names == ["station", "ingest", "api", "transcriber-1", "transcriber-2"]


_LIST = """\
GPU 0: NVIDIA H200 (UUID: GPU-11111111-aaaa)
  MIG 1g.18gb     Device  0: (UUID: MIG-55555555-cccc)
GPU 1: NVIDIA H200 (UUID: GPU-22222222-bbbb)
"""


@pytest.mark.parametrize(
    ("environ", "told", "expected"),
    [
        ({}, _LIST, ["GPU-11111111-aaaa", "GPU-22222222-bbbb", "GPU-11111111-aaaa"]),
        ({}, "\n".join(_LIST.splitlines()[:1]), [None] * 3),
        ({}, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", [None] * 3),
        ({"CUDA_VISIBLE_DEVICES": "3, 5"}, _LIST, ["3", "5", "3"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, _LIST, [None] * 3),
        ({"DEVICE": "cuda:1"}, _LIST, [None] * 3),
    ],
)
def test_each_transcriber_has_the_next_gpu(
    environ: dict[str, str], told: str, expected: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{told}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in ("CUDA_VISIBLE_DEVICES", "DEVICE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    kept = services(Settings(transcribers=3, redis_url="redis://127.0.0.1:1/0"))
    found = [each.environ.get("CUDA_VISIBLE_DEVICES") for each in kept if each.name.startswith("transcriber")]
    assert found == expected


def test_who_heeds_make_does_not_ask_again_for_a_stop_that_goes_on() -> None:
    supervisor = Mock(stopping=True)
    heed_make(os.getppid(), supervisor)
    supervisor.request_stop.assert_not_called()
