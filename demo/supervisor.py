"""Keeps processes running: starts them in order, restarts them, stops them in the opposite order.

honcho's manager ends everything when one process ends and knows neither order nor readiness, so only its printer is
used here. Each process leads a session of its own, so that its children (ffmpeg) are found and ended with it, and hangs
on a leash, so that it ends even if this process is killed.
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

#: Pause before the first restart of a process, in seconds; doubled for each that follows.
BACKOFF_S = 1.0
#: The longest such pause, in seconds.
BACKOFF_CAP_S = 30.0
#: A process that ran for so long, in seconds, is restarted as if for the first time.
SETTLED_S = 60.0
#: Time between two questions whether a process is ready, in seconds.
READY_POLL_S = 0.25
#: A wait for readiness is told of every so many seconds.
PATIENCE_S = 15.0
#: Signals that come within so long, in seconds, are one.
AT_ONCE_S = 0.5
#: How many of a process' last lines an error shows.
TAIL_LINES = 12


class StartError(Exception):
    """A process ended before it was ready, or was not ready in time; the text names it and shows its last lines."""


@dataclass(frozen=True)
class Service:
    """One process to keep.

    Attributes:
        name: what its log lines are marked with.
        command: program and arguments.
        ready: asked until it answers True; may raise OSError or RedisError while the process is on its way.
        tier: processes are started from the lowest tier up, each when those below are ready, and stopped from the
            highest down.
        environ: added to our own environment.
        stop_s: how long it may take to stop, in seconds, before it is killed.
        hide: lines that match tell a user nothing, and are shown only if the start fails.
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
    """A service and the process that it has now."""

    service: Service
    colour: str
    process: subprocess.Popen[bytes] | None = None
    is_ready: bool = False
    started_s: float = 0.0
    restart_s: float | None = None  # when it is due; None: not waiting
    backoff_s: float = BACKOFF_S
    tail: collections.deque[str] = field(default_factory=lambda: collections.deque(maxlen=TAIL_LINES))


class Supervisor:
    """Starts, watches and stops services. Use it from the main thread: a leash is held by the thread that forks."""

    def __init__(self, services: Sequence[Service], *, start_timeout_s: float) -> None:
        colours: Iterator[str] = get_colours()
        self._children = [_Child(service, next(colours)) for service in services]
        self._start_timeout_s = start_timeout_s
        self._lines: queue.Queue[tuple[_Child, bytes]] = queue.Queue(maxsize=10_000)
        self._printer = Printer(sys.stdout, width=max(len(s.name) for s in services))
        self._stops = 0
        self._asked_s = -float("inf")

    def request_stop(self) -> None:
        """Asks for a stop; asked a second time, the stop no longer waits. Safe in a signal handler.

        What comes at once is one request: `timeout` signals make and its group, and make passes its own on.
        """
        now_s = time.monotonic()
        if now_s - self._asked_s > AT_ONCE_S:
            self._stops += 1
        self._asked_s = now_s

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stops > 0

    def start(self) -> None:
        """Starts all tiers and waits until everything is ready, or a stop was asked for.

        Raises:
            StartError: a process ended or was not ready in time.
        """
        for tier in sorted({child.service.tier for child in self._children}):
            if self.stopping:
                return
            children = [child for child in self._children if child.service.tier == tier]
            for child in children:
                self._spawn(child)
            self._await(children)

    def run(self) -> None:
        """Watches until a stop is asked for; a process that ends is started again."""
        while not self.stopping:
            self._print_lines(0.2)
            for child in self._children:
                self._keep(child)

    def stop(self) -> None:
        """Stops everything, highest tier first, and what the processes left behind."""
        for tier in sorted({child.service.tier for child in self._children}, reverse=True):
            children = [child for child in self._children if child.service.tier == tier and child.process]
            for child in children:
                _signal(child, signal.SIGTERM)
            until = time.monotonic() + max((child.service.stop_s for child in children), default=0)
            while any(_running(child) for child in children) and time.monotonic() < until and self._stops < 2:
                self._print_lines(0.05)
            for child in children:
                if _running(child):
                    self._say(child, "is not waited for: killed" if self._stops > 1 else "does not stop: killed")
                _sweep(child)
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
        threading.Thread(target=self._ask, args=(child, child.process), daemon=True).start()

    def _read(self, child: _Child, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._lines.put((child, line))

    def _ask(self, child: _Child, process: subprocess.Popen[bytes]) -> None:
        while child.process is process and process.poll() is None:
            if _answers(child.service.ready):
                child.is_ready = True
                return
            time.sleep(READY_POLL_S)

    def _keep(self, child: _Child) -> None:
        """Restarts a process that ended, after a pause that grows."""
        now = time.monotonic()
        if child.restart_s is not None:
            if now >= child.restart_s:
                self._spawn(child)
        elif child.process is not None and not _running(child):
            if now - child.started_s > SETTLED_S:
                child.backoff_s = BACKOFF_S
            self._say(child, f"{_ending(child)}; starting it again in {child.backoff_s:g} s")
            _sweep(child)
            child.restart_s = now + child.backoff_s
            child.backoff_s = min(2 * child.backoff_s, BACKOFF_CAP_S)

    def _await(self, children: list[_Child]) -> None:
        until = time.monotonic() + self._start_timeout_s
        patience = time.monotonic() + PATIENCE_S
        while not self.stopping:
            self._print_lines(0.05)
            waiting = [child for child in children if not child.is_ready]
            for child in self._children:
                if child.process is not None and not _running(child):
                    self._print_lines(0.5)
                    raise StartError(_report(child, f"{_ending(child)} before everything was ready"))
            if not waiting:
                return
            if time.monotonic() > until:
                raise StartError(
                    "\n".join(_report(c, f"is not ready after {self._start_timeout_s:g} s") for c in waiting)
                )
            if time.monotonic() > patience:
                patience += PATIENCE_S
                names = ", ".join(child.service.name for child in waiting)
                print(f"undertext: still waiting for {names}", flush=True)

    # --- what is shown ----------------------------------------------------------------------------

    def _print_lines(self, wait_s: float) -> None:
        """Prints the lines that came; waits up to `wait_s` seconds for the first."""
        with contextlib.suppress(queue.Empty):
            for _ in range(self._lines.maxsize):  # no more at once: they may come faster than they are shown
                child, line = self._lines.get(block=wait_s > 0, timeout=wait_s)
                wait_s = 0.0
                text = line.decode(errors="replace").rstrip()
                child.tail.append(text)
                if not (child.service.hide and child.service.hide.search(text)):
                    self._say(child, text)

    def _say(self, child: _Child, text: str) -> None:
        now = datetime.datetime.now()
        try:
            self._printer.write(Message("line", text, now, child.service.name, child.colour))
        except BrokenPipeError:  # whoever read our output has gone: stop, silently
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # until the end
            self._printer.output = sys.stdout
            self.request_stop()


def _running(child: _Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _answers(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except Exception:  # noqa: BLE001  # whatever a service on its way answers, it is not ready
        return False


def _signal(child: _Child, number: signal.Signals) -> None:
    """To the process alone: it stops its own children in its own order."""
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(number)


def _sweep(child: _Child) -> None:
    """Kills whatever is left of a process' group, and reaps the process."""
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()


def _ending(child: _Child) -> str:
    code = child.process.returncode if child.process else 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _report(child: _Child, what: str) -> str:
    tail = "".join(f"\n    {line}" for line in child.tail) or "\n    (it printed nothing)"
    return f"{child.service.name} {what}. Its last lines:{tail}"
