"""Supervises processes: starts them in order, restarts them, and stops them in reverse order.

Only honcho's printer is used: its manager stops everything when one process exits, and supports neither ordering nor
readiness. Each process is the leader of its own session, so that its children (ffmpeg) can be killed with it, and runs
on a leash (leash.py), so that it exits even if this process is killed.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from honcho.colour import get_colours
from honcho.printer import Message, Printer

LEASH = Path(__file__).with_name("leash.py")

#: Delay before the first restart of a process, in seconds; doubled for each further one.
BACKOFF_S = 1.0
#: The longest delay, in seconds.
BACKOFF_CAP_S = 30.0
#: After running this long, in seconds, a process is restarted with the initial delay.
SETTLED_S = 60.0
#: Interval between readiness checks, in seconds.
READY_POLL_S = 0.25
#: Interval between notices while waiting for readiness, in seconds.
WAIT_NOTICE_S = 15.0
#: Stop requests within this time, in seconds, count as one.
SAME_REQUEST_S = 0.5
#: Number of a process's last output lines shown in an error.
TAIL_LINES = 12


class StartError(Exception):
    """A process exited before it was ready, or was not ready in time. The text names it and shows its last lines."""


@dataclass(frozen=True)
class Service:
    """One process to supervise.

    Attributes:
        name: prefix of its log lines.
        command: program and arguments.
        ready: polled until it returns True; may raise any exception while the process is starting.
        tier: processes are started from the lowest tier up, each tier once the previous one is ready, and stopped from
            the highest down.
        environ: added to the supervisor's environment.
        stop_s: time to stop before it is killed, in seconds.
        hide: matching output lines are of no interest, and only shown if the start fails.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    tier: int
    environ: Mapping[str, str] = field(default_factory=dict)
    stop_s: float = 15.0
    hide: re.Pattern[str] | None = None


@dataclass
class _Child:
    """A service and its current process."""

    service: Service
    colour: str
    process: subprocess.Popen[bytes] | None = None
    is_ready: bool = False
    started_s: float = 0.0
    restart_s: float | None = None  # when to restart it; None: no restart is pending
    backoff_s: float = BACKOFF_S
    tail: collections.deque[str] = field(default_factory=lambda: collections.deque(maxlen=TAIL_LINES))


class Supervisor:
    """Starts, watches and stops services. Use it from the main thread: a leash is tied to the thread that forks."""

    def __init__(self, services: Sequence[Service], *, start_timeout_s: float) -> None:
        colours: Iterator[str] = get_colours()
        self._children = [_Child(service, next(colours)) for service in services]
        self._start_timeout_s = start_timeout_s
        self._lines: queue.Queue[tuple[_Child, bytes]] = queue.Queue(maxsize=10_000)
        self._printer = Printer(sys.stdout, width=max(len(s.name) for s in services))
        self._stops = 0
        self._last_request_s = -float("inf")

    def request_stop(self) -> None:
        """Request a stop. After a second request, processes are killed without waiting. Safe in a signal handler.

        Requests in quick succession count as one: `timeout` signals make and its group, and make forwards its own.
        """
        now_s = time.monotonic()
        if now_s - self._last_request_s > SAME_REQUEST_S:
            self._stops += 1
        self._last_request_s = now_s

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested."""
        return self._stops > 0

    def start(self) -> None:
        """Start all tiers and wait until everything is ready or a stop is requested.

        Raises:
            StartError: a process exited or was not ready in time.
        """
        for tier in sorted({child.service.tier for child in self._children}):
            if self.stopping:
                return
            children = [child for child in self._children if child.service.tier == tier]
            for child in children:
                self._spawn(child)
            self._wait_ready(children)

    def run(self) -> None:
        """Watch the processes and restart those that exit, until a stop is requested."""
        while not self.stopping:
            self._print_lines(0.2)
            for child in self._children:
                self._restart_if_dead(child)

    def stop(self) -> None:
        """Stop everything, highest tier first, including children that the processes left behind."""
        for tier in sorted({child.service.tier for child in self._children}, reverse=True):
            children = [child for child in self._children if child.service.tier == tier and child.process]
            for child in children:
                _signal(child, signal.SIGTERM)
            until = time.monotonic() + max((child.service.stop_s for child in children), default=0)
            while any(_running(child) for child in children) and time.monotonic() < until and self._stops < 2:
                self._print_lines(0.05)
            for child in children:
                if _running(child):
                    self._print(child, "killed at once" if self._stops > 1 else "did not stop in time: killed")
                _kill_group(child)
        self._print_lines(0)

    # --- one process ------------------------------------------------------------------------------

    def _spawn(self, child: _Child) -> None:
        child.restart_s, child.started_s, child.is_ready = None, time.monotonic(), False
        child.process = subprocess.Popen(
            [sys.executable, "-S", str(LEASH), str(os.getpid()), *child.service.command],
            env={**os.environ, **child.service.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(child, child.process), daemon=True).start()
        threading.Thread(target=self._poll_ready, args=(child, child.process), daemon=True).start()

    def _read(self, child: _Child, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._lines.put((child, line))

    def _poll_ready(self, child: _Child, process: subprocess.Popen[bytes]) -> None:
        while child.process is process and process.poll() is None:
            if _is_ready(child.service.ready):
                child.is_ready = True
                return
            time.sleep(READY_POLL_S)

    def _restart_if_dead(self, child: _Child) -> None:
        """Restart a process that has exited, with exponential backoff."""
        now = time.monotonic()
        if child.restart_s is not None:
            if now >= child.restart_s:
                self._spawn(child)
        elif child.process is not None and not _running(child):
            if now - child.started_s > SETTLED_S:
                child.backoff_s = BACKOFF_S
            self._print(child, f"{_exit_reason(child)}; restarting in {child.backoff_s:g} s")
            _kill_group(child)
            child.restart_s = now + child.backoff_s
            child.backoff_s = min(2 * child.backoff_s, BACKOFF_CAP_S)

    def _wait_ready(self, children: list[_Child]) -> None:
        until = time.monotonic() + self._start_timeout_s
        next_notice = time.monotonic() + WAIT_NOTICE_S
        while not self.stopping:
            self._print_lines(0.05)
            waiting = [child for child in children if not child.is_ready]
            for child in self._children:
                if child.process is not None and not _running(child):
                    self._print_lines(0.5)
                    raise StartError(_report(child, f"{_exit_reason(child)} before everything was ready"))
            if not waiting:
                return
            if time.monotonic() > until:
                raise StartError(
                    "\n".join(_report(c, f"is not ready after {self._start_timeout_s:g} s") for c in waiting)
                )
            if time.monotonic() > next_notice:
                next_notice += WAIT_NOTICE_S
                names = ", ".join(child.service.name for child in waiting)
                print(f"undertext: still waiting for {names}", flush=True)

    # --- output -----------------------------------------------------------------------------------

    def _print_lines(self, wait_s: float) -> None:
        """Print the lines received; wait up to `wait_s` seconds for the first one."""
        with contextlib.suppress(queue.Empty):
            for _ in range(self._lines.maxsize):  # bounded: lines may arrive faster than they are printed
                child, line = self._lines.get(block=wait_s > 0, timeout=wait_s)
                wait_s = 0.0
                text = line.decode(errors="replace").rstrip()
                child.tail.append(text)
                if not (child.service.hide and child.service.hide.search(text)):
                    self._print(child, text)

    def _print(self, child: _Child, text: str) -> None:
        now = datetime.datetime.now()
        try:
            self._printer.write(Message("line", text, now, child.service.name, child.colour))
        except BrokenPipeError:  # the reader of our output has exited: stop silently
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # until the end
            self._printer.output = sys.stdout
            self.request_stop()


def _running(child: _Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _is_ready(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except Exception:  # noqa: BLE001  # any error of a starting service means that it is not ready
        return False


def _signal(child: _Child, number: signal.Signals) -> None:
    """Signal only the process itself, which stops its children in its own order."""
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(number)


def _kill_group(child: _Child) -> None:
    """Kill what is left of a process group, and reap the process."""
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()


def _exit_reason(child: _Child) -> str:
    code = child.process.returncode if child.process else 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def _report(child: _Child, problem: str) -> str:
    tail = "".join(f"\n    {line}" for line in child.tail) or "\n    (no output)"
    return f"{child.service.name} {problem}. Last output:{tail}"
