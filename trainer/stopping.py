"""Orderly stops: on Ctrl-C or SIGTERM, training finishes its step and writes a checkpoint."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

#: Ctrl-C, and the signal of process managers.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Training stopped on request. Not an Exception, so that no handler on the way treats it as a failure."""

    def __init__(self, steps: int, signal_number: int) -> None:
        super().__init__(f"stopped; the same command resumes after step {steps}")
        self.code = 128 + signal_number


@dataclass
class Stop:
    """The signal that requested a stop; 0 if none did."""

    signal_number: int = 0


@contextmanager
def on_signals(shown: bool = True) -> Iterator[Stop]:
    """Within the block, the first SIGINT or SIGTERM requests a stop, and the second has its usual effect.

    Only for the main thread.

    Args:
        shown: print a line when a stop is requested.
    """
    stop = Stop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def request_stop(number: int, _: FrameType | None) -> None:
        stop.signal_number = number
        _set_handlers(before)
        if shown:  # a step or an evaluation may take minutes
            with suppress(OSError):  # not print(): the signal may have interrupted one
                os.write(2, b"\ntrainer: stopping after this step; interrupt again to stop at once\n")

    _set_handlers(dict.fromkeys(before, request_stop))
    try:
        yield stop
    finally:
        _set_handlers(before)


def leave_to_parent(*_: object) -> None:
    """Ignore signals that are sent to the whole process group: the parent ends this process."""
    _set_handlers(dict.fromkeys(_SIGNALS, signal.SIG_IGN))


def end_with_parent() -> None:
    """Make this `multiprocessing` process exit when its parent does, however that ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _set_handlers(handlers: Mapping[signal.Signals, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]  # a result of `getsignal`
