"""A run that is asked to stop, by Ctrl-C or by whoever runs it, ends its step and keeps what it has learnt."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

#: Ctrl-C, and what whoever runs it sends.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Training was asked to stop, and has. No Exception: nothing on the way shall take it for a failure."""

    def __init__(self, steps: int, signal_number: int) -> None:
        super().__init__(f"stopped; the same command goes on behind step {steps}")
        self.code = 128 + signal_number


@dataclass
class Stop:
    """Whether a stop was asked for: by which signal; 0: by none."""

    signal_number: int = 0


@contextmanager
def on_signals(shown: bool = True) -> Iterator[Stop]:
    """SIGINT and SIGTERM ask for a stop; the second one is obeyed at once, as usual. Of the main thread alone.

    Args:
        shown: say so.
    """
    stop = Stop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, _: FrameType | None) -> None:
        stop.signal_number = number
        _put(before)
        if shown:  # a step, or a measure, may take minutes
            with suppress(OSError):  # no print, in the middle of one of which the signal may have come
                os.write(2, b"\ntrainer: it stops behind this step; asked once more, at once\n")

    _put(dict.fromkeys(before, ask))
    try:
        yield stop
    finally:
        _put(before)


def leave_to_parent(*_: object) -> None:
    """Ignore signals that come to a whole group of processes: who started this one sees to its end."""
    _put(dict.fromkeys(_SIGNALS, signal.SIG_IGN))


def end_with_parent() -> None:
    """A process of `multiprocessing` ends with the one that started it, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _put(handlers: Mapping[signal.Signals, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]  # what `getsignal` told
