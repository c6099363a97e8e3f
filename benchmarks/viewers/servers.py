"""The processes of the measurement: a Redis, the API, and the relay in comparison."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.running import START_TIMEOUT_S, free_ports, running, wait_until_ready
from wire.bus import connect


@dataclass(frozen=True)
class Server:
    """A server and the processes that it consists of."""

    url: str
    pid: int

    def responds(self) -> bool:
        """Whether it answers requests."""
        try:
            return httpx.get(f"{self.url}/healthz").is_success
        except httpx.TransportError:
            return False

    def memory_bytes(self) -> int:
        """Resident memory of its processes."""
        return sum(process.memory_info().rss for process in self._processes())

    def cpu_s(self) -> float:
        """Processor time of its processes."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis of its own; yields its URL."""
    [port] = free_ports(1)
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", "--maxclients", "20000"]
    with running(["redis-server", *options], folder / "redis.log", {}):
        url = f"redis://127.0.0.1:{port}/0"
        with connect(url, patience_s=START_TIMEOUT_S) as client:
            client.ping()
        yield url


@contextlib.contextmanager
def api(redis_url: str, folder: Path, viewers: int) -> Iterator[Server]:
    """The API."""
    settings = {"MAX_SOCKETS": str(viewers + 100), "DATA_DIR": str(folder / "var"), "HOST": "127.0.0.1"}
    with _serving(["-m", "api"], redis_url, folder / "api.log", settings) as server:
        yield server


@contextlib.contextmanager
def subscriptions(redis_url: str, folder: Path, viewers: int) -> Iterator[Server]:
    """The relay in comparison."""
    command = ["-m", "gunicorn", "--worker-class", "gevent", "--worker-connections", str(viewers + 100)]
    command += ["--graceful-timeout", "1"]  # it does not notice that its viewers have disconnected
    with _serving(
        [*command, "benchmarks.viewers.subscriptions:app"], redis_url, folder / "subscriptions.log", {}
    ) as server:
        yield server


@contextlib.contextmanager
def _serving(command: list[str], redis_url: str, log: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    [port] = free_ports(1)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # inherited: two descriptors for each viewer
    environ = {"REDIS_URL": redis_url, "PORT": str(port), **settings}
    with running([sys.executable, *command], log, environ) as process:
        server = Server(f"http://127.0.0.1:{port}", process.pid)
        wait_until_ready(server.responds, process, log)
        yield server
