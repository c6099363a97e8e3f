"""What a process does when it is told to stop."""

from __future__ import annotations

import signal

# Not `threading`: to start a thread of that takes locks, which the interrupted code may hold.
from _thread import start_new_thread
from collections.abc import Callable
from typing import Any


def stop_on_signals(stop: Callable[[], Any]) -> None:
    """Have SIGTERM and Ctrl-C call `stop`, such as an event's `set`. For the main thread.

    On a thread of its own: a handler runs in the midst of whatever the main thread does, perhaps in that very event's
    `wait` or `set`, whose lock would then be waited for by the one that holds it. Two signals in a row did that, and a
    process that was told to stop twice never stopped.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: start_new_thread(stop, ()))
