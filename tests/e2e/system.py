"""Runs every process of the system as `make up` does, by its own entry point, on free ports."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from tests.websocket_client import Client

ROOT = Path(__file__).resolve().parents[2]

#: Timeouts for conditions, long enough for a very busy machine.
START_TIMEOUT_S, TIMEOUT_S = 120.0, 120.0


class Process:
    """One process of the system. Its output goes to a file, which is shown if it fails."""

    def __init__(self, name: str, command: list[str], environ: dict[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        # Terminated by the kernel if the test run is killed.
        leash = [sys.executable, "-S", str(ROOT / "demo" / "leash.py"), str(os.getpid())]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [*leash, *command],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process only."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the process and its children with SIGKILL, as in a crash."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(timeout=30)

    def stop(self) -> None:
        """Stop the process cleanly."""
        if self.running:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not stop on SIGTERM:\n{self.tail()}") from None

    def tail(self) -> str:
        """Its last lines."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])


@dataclass
class System:
    """All processes of the system."""

    folder: Path
    free_port: Callable[[], int]
    processes: dict[str, Process] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        api, station, redis_port = (self.free_port() for _ in range(3))
        self.url = f"http://127.0.0.1:{api}"
        self.station_url = f"http://127.0.0.1:{station}"
        self.redis_port = redis_port
        self.redis = redis.Redis(port=redis_port, socket_timeout=10)
        (self.folder / "redis").mkdir()
        (self.folder / "stations.yml").touch()
        self.environ = {
            **os.environ,
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "HOST": "127.0.0.1",
            "PORT": str(api),
            "DEMO_PORT": str(station),
            "DATA_DIR": str(self.folder / "data"),
            "STATIONS_FILE": str(self.folder / "stations.yml"),
            "MODEL": os.environ.get("MODEL") or str(ROOT / "demo" / "model"),
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    # --- processes ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything, with one transcriber."""
        self.start_redis()
        self._start("station", "-m", "demo.station", "--seed", "11")
        self.start_ingest()
        self._start("api", "-m", "api")
        self.transcribers(1)
        self.wait(lambda: httpx.get(f"{self.url}/readyz").is_success, START_TIMEOUT_S, "the API is ready")
        self.wait(lambda: httpx.get(f"{self.station_url}/healthz").is_success, START_TIMEOUT_S, "the station is on air")

    def start_ingest(self) -> None:
        """Start ingest."""
        self._start("ingest", "-m", "ingest")

    def start_redis(self) -> None:
        """Start Redis as in docker-compose.yml: acknowledged writes are on disk within a second."""
        program = os.environ.get("TEST_REDIS_SERVER", "redis-server")
        options = ["--bind", "127.0.0.1", "--port", str(self.redis_port), "--dir", str(self.folder / "redis")]
        options += ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        self.processes["redis"] = Process("redis", [program, *options], self.environ, self.folder)
        self.wait(self.redis.ping, 30, "Redis answers")

    def transcribers(self, count: int) -> list[Process]:
        """Start or stop transcribers until exactly `count` of them have a heartbeat."""
        names = [f"transcriber-{number}" for number in range(8)]
        for name in names:
            process = self.processes.get(name)
            if process is not None and (name not in names[:count] or not process.running):
                process.stop()
                del self.processes[name]
        for name in names[:count]:
            if name not in self.processes:
                self._start(name, "-m", "transcriber")
        self.wait(lambda: len(self.workers("transcriber")) == count, START_TIMEOUT_S, f"{count} transcribers are ready")
        return [self.processes[name] for name in names[:count]]

    def workers(self, service: str) -> list[str]:
        """Names of the workers with a heartbeat."""
        found = self.redis.scan_iter(match=f"undertext:worker:{service}-*")
        return sorted(name.decode().rpartition(":")[2] for name in found)

    def stop(self) -> None:
        """Stop everything: Redis last, all others at the same time."""
        ordered = sorted(self.processes.values(), key=lambda p: p.name == "redis")
        for process in ordered:
            if process.running and process.name != "redis":
                process.send(signal.SIGCONT)
                process.send(signal.SIGTERM)
        for process in ordered:
            process.stop()
        self.redis.close()

    def _start(self, name: str, *arguments: str) -> None:
        self.processes[name] = Process(name, [sys.executable, *arguments], self.environ, self.folder)

    # --- waiting -----------------------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], object], timeout_s: float = TIMEOUT_S, what: str = "") -> None:
        """Wait until a condition holds. Connection errors count as false."""
        until = time.monotonic() + timeout_s
        while not self._holds(condition):
            ended = [p for p in self.processes.values() if not p.running]
            if ended or time.monotonic() > until:
                shown = ended or list(self.processes.values())
                logs = "\n".join(f"--- {p.name}\n{p.tail()}" for p in shown)
                pytest.fail(f"{what or condition}: not within {timeout_s:g} s\n{logs}")
            time.sleep(0.05)

    def _holds(self, condition: Callable[[], object]) -> bool:
        try:
            return bool(condition())
        except (httpx.HTTPError, redis.ConnectionError, redis.TimeoutError):
            return False

    # --- what users do -----------------------------------------------------------------------------------------

    def upload(self, path: Path, language: str | None = None) -> str:
        """Upload a recording; return the job's id."""
        data = {"language": language} if language else {}
        with path.open("rb") as file:
            answer = httpx.post(f"{self.url}/jobs", files={"file": (path.name, file)}, data=data, timeout=60)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, id: str) -> dict[str, Any]:
        """Fetch a job."""
        values: dict[str, Any] = httpx.get(f"{self.url}/jobs/{id}", timeout=30).raise_for_status().json()
        return values

    def finished(self, id: str) -> dict[str, Any]:
        """Wait until a job has finished; return its captions as JSON."""
        self.wait(lambda: self.job(id)["state"] not in ("waiting", "running", "connecting"), what=f"job {id} ends")
        assert self.job(id)["state"] == "finished", self.job(id)
        document: dict[str, Any] = httpx.get(f"{self.url}/jobs/{id}/captions.json", timeout=30).json()
        return document

    def truth(self, after: float) -> list[dict[str, Any]]:
        """The transcript of the demo station since a Unix time."""
        answer = httpx.get(f"{self.station_url}/truth", params={"after": after}, timeout=30)
        return [json.loads(line) for line in answer.raise_for_status().text.splitlines()]

    def socket(self, path: str) -> Client:
        """Open a WebSocket of the API."""
        return Client(f"{self.url.replace('http', 'ws', 1)}{path}")
