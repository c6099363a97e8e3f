"""Fixtures for all tests: a real Redis, free ports, programs that may be missing."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from tests.redis_server import running_redis
from wire.bus import Redis, connect

# Examples have no deadline (0.2 s by default): on a busy machine, any of them may be slow.
hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")

# Programs from wheels (ffmpeg, redis-server) are installed beside our Python, however pytest was started; those of the
# system take precedence, as in `make up`.
_BIN = str(Path(sys.executable).parent)
if _BIN not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), _BIN])

# Set before torch is imported, here and in child processes: each test process keeps a core busy, and OpenMP threads
# spin while they wait for others without a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

#: Tests of the whole system, which each process that runs some of them must start.
_WHOLE = "tests/e2e/whole/"

#: Tests that mostly wait, for audio in real time and for services to start; the others mostly compute.
_WAITING = (_WHOLE, "tests/integration/")


class _Files(LoadFileScheduling):
    """Assigns each file to one process, and all tests of the whole system to the same one.

    Half of the processes begin with files that wait, the others with files that compute, so that the CPU is used while
    others wait. At the end, each takes what is left.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _WHOLE if nodeid.startswith(_WHOLE) else super()._split_scope(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        waits = self.nodes.index(node) % 2 == 0
        mine = next((file for file in self.workqueue if file.startswith(_WAITING) == waits), None)
        if mine:
            self.workqueue.move_to_end(mine, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Files | None:
    """Schedule by file."""
    return _Files(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def need_program() -> Callable[..., str]:
    """`need_program("icecast2")` returns its path; a missing program skips the test on a laptop and fails it in CI.

    Several names are alternatives, tried in order.
    """

    def need(*names: str) -> str:
        found = next((path for name in names if (path := shutil.which(name))), None)
        if found:
            return found
        reason = f"{' or '.join(names)} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason + ", and CI must run every test")
        pytest.skip(reason)

    return need


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """`free_port()` returns a TCP port of loopback on which nothing listens."""
    given: set[int] = set()

    def find() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in given:
                given.add(port)
                return port

    return find


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """`wait_until(condition, timeout_s=10)` polls until `condition()` is true; fails after the time-out."""

    def wait(condition: Callable[[], object], timeout_s: float = 10.0, what: str = "") -> None:
        until = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > until:
                pytest.fail(f"not true after {timeout_s:g} s: {what or condition}")
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[str]:
    """URL of the Redis of this test run."""
    with running_redis(tmp_path_factory.mktemp("redis"), free_port()) as url:
        yield url


@pytest.fixture(scope="module")
def emptied_redis(redis_server: str) -> str:
    """URL of an empty Redis for a whole module: the archive of a server would index captions of earlier modules."""
    with connect(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Run torch on one thread: small tensors, as in tests, are slower on two.

    These settings are global. They are restored after the module, including those that a training run changed.
    """
    import torch  # here, as most tests do not need it

    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """URL of an empty Redis."""
    with connect(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of an empty Redis."""
    with connect(redis_url) as client:
        yield client
