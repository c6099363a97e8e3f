"""Work that takes long, beside the server's: to gevent's sockets, a busy thread or a slow disk would stand still."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NoReturn, TypeVar

import gevent

T = TypeVar("T")


def aside(work: Callable[[], T]) -> T:
    """The result of work that is done on a thread of the system's, while others are served; or what it raises."""

    def attempt() -> Callable[[], T]:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # of one that is raised there, gevent logs a traceback, whoever expects it
            return partial(_raise, error)
        return lambda: result

    done: Callable[[], T] = gevent.get_hub().threadpool.apply(attempt)
    return done()


def _raise(error: Exception) -> NoReturn:
    raise error
