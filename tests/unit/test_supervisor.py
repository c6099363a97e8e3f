"""demo.supervisor with small real processes: start order, readiness, restarts, and cleanup."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from demo import supervisor as supervisor_module
from demo.supervisor import Service, StartError, Supervisor

Wait = Callable[..., None]

#: Appends a line to FILE when it starts and when SIGTERM stops it.
POLITE = """
import pathlib, signal, sys, time
name, file = sys.argv[1], pathlib.Path(sys.argv[2])
def note(word):
    with file.open("a") as f: f.write(f"{name} {word}\\n")
def stop(*_):
    note("stopped"); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("started")
while True: time.sleep(1)
"""


def polite(name: str, journal: Path, tier: int) -> Service:
    def ready() -> bool:
        return f"{name} started" in journal.read_text()

    return Service(name, (sys.executable, "-c", POLITE, name, str(journal)), ready, tier)


def script(name: str, code: str, *arguments: object, ready: Callable[[], bool] = lambda: True) -> Service:
    return Service(name, (sys.executable, "-c", code, *map(str, arguments)), ready, tier=0, stop_s=2)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    file = tmp_path / "journal"
    file.touch()
    return file


def test_starts_from_the_lowest_tier_up_and_stops_from_the_highest_down(journal: Path) -> None:
    kept = Supervisor([polite("c", journal, 2), polite("a", journal, 0), polite("b", journal, 1)], start_timeout_s=20)
    kept.start()
    kept.stop()
    assert journal.read_text().split("\n")[:-1] == [
        *("a started", "b started", "c started"),
        *("c stopped", "b stopped", "a stopped"),
    ]


def test_process_that_exits_before_it_is_ready_is_reported_with_its_last_lines() -> None:
    broken = script("api", "print('PORT=x is not a whole number'); raise SystemExit(2)", ready=lambda: False)
    kept = Supervisor([broken], start_timeout_s=20)
    with pytest.raises(StartError, match=r"api exited with code 2 .*\n +PORT=x is not a whole number"):
        kept.start()
    kept.stop()


def test_process_that_is_not_ready_in_time_is_reported_with_its_last_lines() -> None:
    slow = script("ingest", "import time; print('thinking', flush=True); time.sleep(60)", ready=lambda: False)
    kept = Supervisor([slow], start_timeout_s=1)
    with pytest.raises(StartError, match=r"ingest is not ready after 1 s.*\n +thinking"):
        kept.start()
    kept.stop()


def test_dead_process_is_restarted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], wait_until: Wait
) -> None:
    monkeypatch.setattr(supervisor_module, "BACKOFF_S", 0.05)
    pids = tmp_path / "pids"
    pids.touch()
    code = "import os, sys, time; f = open(sys.argv[1], 'a'); f.write(f'{os.getpid()}\\n'); f.flush(); time.sleep(60)"
    kept = Supervisor([script("worker", code, pids)], start_timeout_s=20)
    kept.start()

    def kill_and_wait() -> None:
        wait_until(lambda: len(pids.read_text().split()) == 1, what="the first start")
        os.kill(int(pids.read_text().split()[0]), signal.SIGKILL)
        wait_until(lambda: len(pids.read_text().split()) == 2, timeout_s=20, what="the second start")
        kept.request_stop()

    killer = threading.Thread(target=kill_and_wait)
    killer.start()
    kept.run()
    killer.join()
    kept.stop()
    assert "was killed by SIGKILL; restarting" in capsys.readouterr().out


def test_process_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path, wait_until: Wait) -> None:
    pids = tmp_path / "pids"
    code = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "60"])
open(sys.argv[1] + "~", "w").write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + "~", sys.argv[1])
time.sleep(60)
"""
    kept = Supervisor([script("stubborn", code, pids, ready=pids.exists)], start_timeout_s=20)
    kept.start()
    kept.stop()
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: gone(pid), what=f"{pid} to be gone")


def test_processes_end_when_the_supervisor_is_killed(tmp_path: Path, journal: Path, wait_until: Wait) -> None:
    code = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from demo.supervisor import Supervisor
from test_supervisor import polite
kept = Supervisor([polite("a", Path({str(journal)!r}), 0)], start_timeout_s=20)
kept.start()
kept.run()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    wait_until(lambda: "a started" in journal.read_text(), timeout_s=20)
    process.kill()
    process.wait()
    wait_until(lambda: "a stopped" in journal.read_text(), what="a to notice")


def test_stop_request_ends_the_start() -> None:
    """Otherwise, waiting for this process, which is never ready, would take an hour."""
    calls = 0

    def ready() -> bool:
        nonlocal calls
        calls += 1
        kept.request_stop()
        return False

    kept = Supervisor([script("slow", "import time; time.sleep(60)", ready=ready)], start_timeout_s=3600)
    kept.start()
    kept.run()
    kept.stop()
    assert calls == 1


@pytest.mark.parametrize(
    ("same_request_s", "message"), [(60.0, "did not stop in time: killed"), (0.0, "killed at once")]
)
def test_simultaneous_stop_requests_count_as_one_and_a_second_request_kills(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, same_request_s: float, message: str
) -> None:
    monkeypatch.setattr(supervisor_module, "SAME_REQUEST_S", same_request_s)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    kept = Supervisor([script("deaf", deaf)], start_timeout_s=20)
    kept.start()
    shown = ""
    while "| deaf" not in shown:
        kept._print_lines(0.05)
        shown += capsys.readouterr().out
    kept.request_stop()
    kept.request_stop()
    kept.stop()
    assert message in capsys.readouterr().out


def test_stop_request_is_handled_despite_a_flood_of_output() -> None:
    flood = "import sys\nwhile True: sys.stdout.write('something happened\\n' * 100)"
    kept = Supervisor([script("one", flood), script("two", flood)], start_timeout_s=20)
    threading.Timer(1, kept.request_stop).start()
    kept.start()
    kept.run()
    kept.stop()


def test_routine_lines_are_hidden_unless_the_start_fails(capsys: pytest.CaptureFixture[str]) -> None:
    code = "print('small talk'); print('news'); raise SystemExit(1)"
    talker = Service("redis", (sys.executable, "-c", code), lambda: False, tier=0, hide=re.compile("small"))
    kept = Supervisor([talker], start_timeout_s=20)
    with pytest.raises(StartError, match="small talk"):
        kept.start()
    kept.stop()
    shown = capsys.readouterr().out
    assert "news" in shown
    assert "small talk" not in shown
