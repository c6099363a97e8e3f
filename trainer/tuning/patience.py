"""Retries of Redis commands: workers and their trials wait until an unreachable Redis is back."""

from __future__ import annotations

import math
import os
import sys
import time

from redis.backoff import EqualJitterBackoff
from redis.exceptions import ConnectionError

#: For this long after a failed attempt, other workers may not have reached Redis again either, in seconds.
_UNHEARD_S = 15.0
#: Maximum pause between two attempts to reach Redis, in seconds.
_PAUSE_S = 2.0
#: Failed attempts in a row before Redis is reported as unreachable: about a second.
_AWAY_ATTEMPTS = 5
#: Failed attempts further apart than this, in seconds, belong to different outages.
_APART_S = 60.0


class Patience(EqualJitterBackoff):
    """Backoff of commands that are retried until `over` is set; reports each outage once."""

    def __init__(self) -> None:
        super().__init__(cap=_PAUSE_S, base=0.05)
        self.over = False
        self._pid, self._failed_s, self._reported_s = os.getpid(), -math.inf, -math.inf

    def __deepcopy__(self, memo: object) -> Patience:
        """Return the same object: redis-py copies it for each connection, but they share one Redis."""
        return self

    @property
    def tried(self) -> bool:
        """Whether Redis was unreachable recently, so that it may not have received heartbeats of others."""
        return time.monotonic() - self._failed_s < _UNHEARD_S

    def compute(self, failures: int) -> float:
        """Return the pause after this number of failures, in seconds.

        Raises:
            ConnectionError: the worker is to stop.
        """
        if self.over:
            raise ConnectionError("Redis is unreachable, and the worker is to stop")
        now_s = self._failed_s = time.monotonic()
        if failures >= _AWAY_ATTEMPTS and os.getpid() == self._pid:
            if now_s - self._reported_s > _APART_S:
                print("Redis is unreachable, waiting for it", file=sys.stderr, flush=True)
            self._reported_s = now_s
        return float(super().compute(failures))
