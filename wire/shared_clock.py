"""Unix time by Redis's clock, which all workers share.

Workers on several machines compare times: how old a chunk is, how long one has waited for another. If one machine's
clock were a minute off, its transcribers would take every live chunk for too old.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

#: Differences that may be due to the network or a busy machine are ignored, in seconds.
TOLERANCE_S = 0.5


class SharedClock:
    """Returns Unix time: this machine's, unless that certainly differs from Redis's.

    Args:
        machine_s: this machine's clock.
    """

    def __init__(self, machine_s: Callable[[], float] = time.time) -> None:
        self.machine_s = machine_s
        self._ahead_s = 0.0  # of Redis's clock before this machine's

    def __call__(self) -> float:
        return self.machine_s() + self._ahead_s

    def compare(self, sent_s: float, redis_s: float, received_s: float) -> None:
        """Learn from a request that Redis answered with its time.

        Args:
            sent_s, received_s: this machine's time before and after the request.
            redis_s: Redis's time, somewhere in between.
        """
        if received_s < sent_s:  # this machine's clock was set back meanwhile
            return
        least_s, most_s = redis_s - received_s - TOLERANCE_S, redis_s - sent_s + TOLERANCE_S
        if least_s <= self._ahead_s <= most_s:
            return
        self._ahead_s = 0.0 if least_s <= 0 <= most_s else redis_s - (sent_s + received_s) / 2
        if self._ahead_s:
            differs = f"{abs(self._ahead_s):.1f} s {'behind' if self._ahead_s > 0 else 'ahead of'}"
            log.warning("this machine's clock is %s Redis's, which is used: synchronise them, as with NTP", differs)
        else:
            log.info("this machine's clock agrees with Redis's again")
