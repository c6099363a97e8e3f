"""A short-lived cache of results that many clients request at the same time, such as the players of a station."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class ShortCache:
    """Results by key. A request for a result that is being computed waits for it.

    Args:
        max_age_s: oldest result to return, in seconds.
    """

    def __init__(self, *, max_age_s: float = 1.0, now_s: Callable[[], float] = time.monotonic) -> None:
        self._max_age_s = max_age_s
        self._now_s = now_s
        self._entries: dict[Hashable, tuple[float, Future[Any]]] = {}  # with the time of the first request

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The result for `key`, from `compute` if there is none or it is too old; raises what `compute` raises."""
        now_s = self._now_s()
        requested_s, future = self._entries.get(key, (now_s, None))
        if future is None or (future.done() and now_s - requested_s >= self._max_age_s):
            future = Future()
            fresh = {
                other: (time_s, pending)
                for other, (time_s, pending) in self._entries.items()
                if now_s - time_s < self._max_age_s or not pending.done()
            }
            self._entries = fresh | {key: (now_s, future)}
            try:
                future.set_result(compute())
            except BaseException as error:
                future.set_exception(error)
                del self._entries[key]
                raise
        result: T = future.result()
        return result
