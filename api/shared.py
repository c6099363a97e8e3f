"""A short-lived cache of results that many clients request at the same time, such as the players of a station."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Shared:
    """Results by key. A request for a result that is being computed waits for it.

    Args:
        holds_s: oldest result to return, in seconds.
    """

    def __init__(self, *, holds_s: float = 1.0, now_s: Callable[[], float] = time.monotonic) -> None:
        self._holds_s = holds_s
        self._now_s = now_s
        self._answers: dict[Hashable, tuple[float, Future[Any]]] = {}  # with the time of the first request

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """The result for `key`, from `find` if there is none or it is too old; raises what `find` raises."""
        now_s = self._now_s()
        asked_s, answer = self._answers.get(key, (now_s, None))
        if answer is None or (answer.done() and now_s - asked_s >= self._holds_s):
            answer = Future()
            fresh = {of: at for of, at in self._answers.items() if now_s - at[0] < self._holds_s or not at[1].done()}
            self._answers = fresh | {key: (now_s, answer)}
            try:
                answer.set_result(find())
            except BaseException as error:
                answer.set_exception(error)
                del self._answers[key]
                raise
        found: T = answer.result()
        return found
