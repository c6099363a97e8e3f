"""`make up` and `make down`: a real supervisor with every service, on its own ports and in its own folder."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.places import ROOT

#: Seconds until everything is ready, even on a busy machine.
START_S = 150

Wait = Callable[..., None]

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for orphans in /proc"),
]


class Up:
    """One `python -m demo.up` and all its descendants."""

    def __init__(self, folder: Path, free_port: Callable[[], int], **environ: str) -> None:
        self.mark = f"undertext-test-{uuid.uuid4().hex}"
        self.port = free_port()
        self.environ = {
            **{name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "MAKELEVEL"}},
            "UNDERTEXT_TEST_MARK": self.mark,
            "DATA_DIR": str(folder),
            "PORT": str(self.port),
            "DEMO_PORT": str(free_port()),
            "REDIS_PORT": str(free_port()),
            **environ,
        }
        self.log = folder.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *command: str) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command or (sys.executable, "-m", "demo.up"),
                cwd=ROOT,
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that it only receives signals from this test
                # Shells ignore SIGINT for background jobs, such as these tests perhaps, and make would inherit that.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `demo.up` that exits by itself."""
        return subprocess.run(
            [sys.executable, "-m", "demo.up", *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def on_air(self, news: str = "Undertext is on air") -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"it ended with {self.process.returncode}:\n{self.output}")
        return news in self.output

    def processes(self) -> dict[int, str]:
        """All live processes with our mark in their environment: pid and command line."""
        processes = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if command:  # a zombie has none
                        processes[int(entry.name)] = command
        return processes

    def find(self, words: str) -> int:
        return next((pid for pid, command in self.processes().items() if words in command), 0)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10, trust_env=False)

    def end(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(timeout=30)


@pytest.fixture
def up(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Up]:
    instance = Up(tmp_path / "var", free_port)
    yield instance
    instance.end()


def test_services_start_are_restarted_and_leave_nothing_behind(up: Up, wait_until: Wait) -> None:
    up.start()
    wait_until(up.on_air, timeout_s=START_S, what="everything to be ready")
    assert f"http://127.0.0.1:{up.port}" in up.output
    assert up.get("/readyz").status_code == 200
    assert up.get("/").status_code == 200

    # A second instance reports the first one.
    again = up.run()
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert "already running" in again.stderr

    # A dead service is restarted, and the log says so.
    killed = up.find("-m ingest ")
    os.kill(killed, signal.SIGKILL)
    notice = re.compile(r"ingest +\| was killed by SIGKILL; restarting")
    wait_until(lambda: notice.search(up.output), timeout_s=30, what="the log to say that ingest died")
    wait_until(lambda: up.find("-m ingest ") not in {0, killed}, timeout_s=30, what="ingest to come back")

    # `make down` stops everything.
    wait_until(lambda: up.find("ffmpeg"), timeout_s=60, what="the demo station to be read")
    down = up.run("--down")
    assert down.returncode == 0, down.stderr
    assert up.process is not None
    assert up.process.wait(timeout=10) == 0
    wait_until(lambda: not up.processes(), timeout_s=5, what="no orphans")
    assert "Traceback" not in up.output
    nothing = f"undertext: nothing is running with DATA_DIR={up.environ['DATA_DIR']}\n"
    assert up.run("--down").stdout == nothing


def test_other_machine_transcribes(up: Up, tmp_path: Path, free_port: Callable[[], int], wait_until: Wait) -> None:
    up.environ["TRANSCRIBERS"] = "0"
    up.start()
    wait_until(up.on_air, timeout_s=START_S, what="everything else to be ready")
    assert up.get("/readyz").status_code == 503
    assert "`make transcribers`" in up.output
    url = f"redis://127.0.0.1:{up.environ['REDIS_PORT']}/0"
    other = Up(tmp_path / "other", free_port, REDIS_URL=url)
    try:
        other.start(sys.executable, "-m", "demo.up", "--transcribers")
        wait_until(lambda: other.on_air(f"Transcribing for the system at {url}"), timeout_s=START_S)
        assert up.get("/readyz").status_code == 200
        assert not other.find("-m ingest ")
        assert not other.find("--appendonly")
        wait_until(lambda: up.get("/stations/demo/captions.json").json()["captions"], timeout_s=60, what="captions")
    finally:
        other.end()


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "Set REDIS_URL to the Redis of the system to transcribe for"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0", "TRANSCRIBERS": "0"}, "TRANSCRIBERS=0 leaves nothing to start"),
        ({"REDIS_URL": "redis://:secret@127.0.0.1:1/0"}, "No Redis responds at REDIS_URL=redis://***@127.0.0.1:1/0"),
    ],
)
def test_transcribers_without_their_redis_are_refused(up: Up, environ: dict[str, str], sentence: str) -> None:
    up.environ |= environ
    done = up.run("--transcribers")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_killed_supervisor_leaves_nothing_behind(up: Up, wait_until: Wait) -> None:
    up.start()
    wait_until(up.on_air, timeout_s=START_S, what="everything to be ready")
    wait_until(lambda: up.find("ffmpeg"), timeout_s=60, what="the demo station to be read")
    assert up.process is not None
    up.process.kill()
    up.process.wait()
    wait_until(lambda: not up.processes(), timeout_s=30, what="no orphans")


def test_ctrl_c_stops_it_during_the_start(up: Up, wait_until: Wait) -> None:
    up.start()
    wait_until(lambda: up.find("--appendonly"), timeout_s=30)
    assert up.process is not None
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(timeout=60) == 0
    wait_until(lambda: not up.processes(), timeout_s=5, what="no orphans")
    assert "Traceback" not in up.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signal_to_make_alone_stops_it_too(up: Up, wait_until: Wait, number: signal.Signals) -> None:
    up.start("make", "up")
    wait_until(lambda: up.find("--appendonly"), timeout_s=START_S)
    assert up.process is not None
    up.process.send_signal(number)
    up.process.wait(timeout=60)
    wait_until(lambda: not up.processes(), timeout_s=60, what="no orphans")
    assert "Traceback" not in up.output


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PORT", "eighty", "PORT='eighty' is not a whole number"),
        ("TRANSCRIBERS", "-1", "TRANSCRIBERS='-1' must be at least 0"),
        ("REDIS_URL", "redis://127.0.0.1:1/0", "No Redis responds at REDIS_URL=redis://127.0.0.1:1/0"),
        ("REDIS_URL", "127.0.0.1", "REDIS_URL='127.0.0.1' is not an address"),
        ("MODEL", "./nowhere", "MODEL=./nowhere: there is no folder nowhere"),
    ],
)
def test_invalid_setting_is_reported_in_one_line(up: Up, variable: str, value: str, sentence: str) -> None:
    up.environ[variable] = value
    done = up.run()
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("variable", ["PORT", "DEMO_PORT", "REDIS_PORT"])
def test_port_in_use_is_reported_with_its_variable(up: Up, variable: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(up.environ[variable])))
        other.listen()
        done = up.run()
    assert done.returncode == 1
    assert f"`make up {variable}=" in done.stderr
    assert done.stderr.count("\n") == 1
