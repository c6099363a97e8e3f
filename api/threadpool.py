"""Runs slow work on a native thread: on gevent's own thread, CPU work or a slow disk would block every socket."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NoReturn, ParamSpec, TypeVar

import gevent

P = ParamSpec("P")
T = TypeVar("T")


def run_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `work` on a native thread while other requests are served; return its result or raise its exception."""

    def attempt() -> Callable[[], T]:
        try:
            result = work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # gevent would log a traceback, even if it is handled
            return partial(_raise, error)
        return lambda: result

    done: Callable[[], T] = gevent.get_hub().threadpool.apply(attempt)
    return done()


def _raise(error: Exception) -> NoReturn:
    raise error
