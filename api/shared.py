"""What is found out once for all who ask within a moment: players of a station all ask for the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Shared:
    """Answers by what they are of. Who asks while one is being found waits for that.

    Args:
        holds_s: how old an answer may be that somebody gets, in seconds.
    """

    def __init__(self, *, holds_s: float = 1.0, now_s: Callable[[], float] = time.monotonic) -> None:
        self._holds_s = holds_s
        self._now_s = now_s
        self._answers: dict[Hashable, tuple[float, Future[Any]]] = {}  # with when each was asked for

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """The answer of `key`, found now if there is none, or it is old; whatever `find` raises."""
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
