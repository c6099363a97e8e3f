from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.places import ROOT
from wire.stopping import stop_on_signals

#: Says that it is there, then stops when it is told to.
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
def test_a_process_stops_however_often_it_is_told_to(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        for _ in range(20):
            process.send_signal(number)
        # One that comes when Python has ended, and has its handlers no longer, ends the process by itself.
        assert process.wait(timeout=30) in (0, -number)
        assert process.stdout.read() == b"stopped\n"


def test_a_signal_does_not_wait_for_a_lock_that_is_held_where_it_comes() -> None:
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
