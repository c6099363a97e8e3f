"""A Redis that is away is waited for, by workers of a search and by the trials that they perform."""

from __future__ import annotations

import math
import os
import sys
import time

from redis.backoff import EqualJitterBackoff
from redis.exceptions import ConnectionError

#: Redis is believed to have heard from nobody for this long behind an attempt that failed, in seconds.
_UNHEARD_S = 15.0
#: Longest pause between two attempts to reach Redis, in seconds.
_PAUSE_S = 2.0
#: Attempts in a row that fail before Redis is said to be away: about a second of them.
_AWAY_ATTEMPTS = 5
#: Attempts further apart than this, in seconds, are not of the same time that Redis was away.
_APART_S = 60.0


class Patience(EqualJitterBackoff):
    """The pauses of commands that wait for Redis without end, until `over`; the first to wait says so."""

    def __init__(self) -> None:
        super().__init__(cap=_PAUSE_S, base=0.05)
        self.over = False
        self._pid, self._failed_s, self._told_s = os.getpid(), -math.inf, -math.inf

    def __deepcopy__(self, memo: object) -> Patience:
        """Connections copy what they are given; there is one Redis, and one patience with it."""
        return self

    @property
    def tried(self) -> bool:
        """Whether Redis was away a moment ago, so that it has not heard from others, either."""
        return time.monotonic() - self._failed_s < _UNHEARD_S

    def compute(self, failures: int) -> float:
        """The pause after so many failures, in seconds.

        Raises:
            ConnectionError: nobody waits any longer.
        """
        if self.over:
            raise ConnectionError("Redis is away, and the worker is to stop")
        now_s = self._failed_s = time.monotonic()
        if failures >= _AWAY_ATTEMPTS and os.getpid() == self._pid:
            if now_s - self._told_s > _APART_S:
                print("Redis is away, waiting for it", file=sys.stderr, flush=True)
            self._told_s = now_s
        return float(super().compute(failures))
