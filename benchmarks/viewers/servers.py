"""The processes of the measurement: a Redis, the API, and the relay in comparison."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.running import ROOT, NotRunning, free_ports, tied
from wire.bus import connect

#: Timeout for the start of a process, in seconds.
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Server:
    """A server and the processes that it consists of."""

    url: str
    pid: int

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
    with _running([_program("redis-server"), *options], folder / "redis.log"):
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
def _serving(command: Sequence[str], redis_url: str, log: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    [port] = free_ports(1)
    environ = {"REDIS_URL": redis_url, "PORT": str(port), **settings}
    with _running([sys.executable, *command], log, environ) as process:
        server = Server(f"http://127.0.0.1:{port}", process.pid)
        until_s = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{server.url}/healthz").raise_for_status()
                break
            if process.poll() is not None or time.monotonic() > until_s:
                raise NotRunning(f"{' '.join(command)} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        yield server


@contextlib.contextmanager
def _running(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # inherited: two descriptors for each viewer
    with log.open("wb") as out:
        process = subprocess.Popen(
            tied([*command]), cwd=ROOT, env={**os.environ, **(environ or {})}, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _program(name: str) -> str:
    """A program from a wheel, which is next to our Python, or the system's."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name
