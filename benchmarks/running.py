"""Run a separate system for a benchmark: as `make up` does, on free ports, with only the demo station."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent

#: Timeout for the start, in seconds.
START_TIMEOUT_S = 300


class NotRunning(RuntimeError):
    """The system could not be started or does not answer; the message says why."""


@dataclass(frozen=True)
class System:
    """Addresses of a running system."""

    url: str  # of the API
    truth: str  # of the demo station


@contextlib.contextmanager
def own_system(transcribers: int = 1) -> Iterator[System]:
    """Start all services, and stop them at the end.

    Raises:
        NotRunning: a service did not start; the message has the log's last lines.
    """
    api, demo, redis = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="undertext-benchmark-") as folder:
        log = Path(folder) / "log"
        (Path(folder) / "stations.yml").touch()
        environ = {
            "HOST": "127.0.0.1",
            "PORT": str(api),
            "DEMO_PORT": str(demo),
            "REDIS_PORT": str(redis),
            "DATA_DIR": str(Path(folder) / "var"),
            "STATIONS_FILE": str(Path(folder) / "stations.yml"),
            "TRANSCRIBERS": str(transcribers),
        }
        with running([sys.executable, "-m", "demo.up"], log, environ) as process:
            system = System(f"http://127.0.0.1:{api}", f"http://127.0.0.1:{demo}")
            wait_until_ready(lambda: ready(system), process, log)
            station = {"id": "demo", "name": "Demo", "url": f"{system.truth}/stream.mp3"}
            httpx.post(f"{system.url}/stations", json=station, timeout=30).raise_for_status()
            yield system


def ready(system: System) -> bool:
    """Whether the API, a transcriber and the demo station are ready."""
    try:
        return httpx.get(f"{system.url}/readyz").is_success and httpx.get(f"{system.truth}/healthz").is_success
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def running(command: list[str], log: Path, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process with `environ` added to the environment, whose output goes to `log`; it is stopped at the end."""
    # Programs from wheels are next to our Python; `make` would have added them to the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with log.open("wb") as out:
        process = subprocess.Popen(
            # The leash stops it when the benchmark ends, however it ends.
            [sys.executable, "-S", str(ROOT / "demo" / "leash.py"), str(os.getpid()), *command],
            cwd=ROOT,
            env={**os.environ, "PATH": path, **environ},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a process is ready.

    Raises:
        NotRunning: it ended, or took too long; the message has the log's last lines.
    """
    until = time.monotonic() + START_TIMEOUT_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > until:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise NotRunning(f"the system did not start; its last lines:\n{tail}")
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nothing uses at the moment."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
