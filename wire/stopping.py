"""Orderly shutdown of a process on SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal

# Not `threading`: starting one of its threads takes locks that the interrupted code may hold.
from _thread import start_new_thread
from collections.abc import Callable
from typing import Any


def stop_on_signals(stop: Callable[[], Any]) -> None:
    """Make SIGTERM and Ctrl-C call `stop`, such as the `set` of an event. Call this in the main thread.

    `stop` runs on a separate thread: a signal handler may interrupt the main thread within the `wait` or `set` of that
    very event and deadlock on the lock it holds. Two signals in quick succession did so, and the process never stopped.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: start_new_thread(stop, ()))
