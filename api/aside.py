"""Work that takes long, beside the server's: to gevent's sockets, a busy thread or a slow disk would stand still."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import gevent

T = TypeVar("T")


def aside(work: Callable[[], T]) -> T:
    """The result of work that is done on a thread of the system's, while others are served."""
    result: T = gevent.get_hub().threadpool.apply(work)
    return result
