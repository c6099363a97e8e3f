from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.places import ROOT
from wire.stopping import stop_on_signals

#: Prints that it has started, then runs until it is asked to stop.
PROGRAM = """
import threading
from wire.stopping import stop_on_signals
stop = threading.Event()
stop_on_signals(stop.set)
print("there", flush=True)
stop.wait()
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_stops_however_often_it_is_signalled(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        for _ in range(20):
            process.send_signal(number)
        # A signal that arrives after Python has removed its handlers at exit kills the process.
        assert process.wait(timeout=30) in (0, -number)
        assert process.stdout.read() == b"stopped\n"


def test_signal_handler_does_not_deadlock_on_a_held_lock() -> None:
    lock, stopped = threading.Lock(), threading.Event()

    def stop() -> None:
        with lock:
            stopped.set()

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop_on_signals(stop)
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not stopped.wait(0.1)
        assert stopped.wait(10)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
