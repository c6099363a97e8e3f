"""Which process may take a station after an outage of Redis: first the one that was reading it and kept its audio.

Leases expire during an outage, although their owners keep reading. Without precedence, the process that reconnects
first would take the stations of all others, and the audio that these keep in memory would be lost.
"""

from __future__ import annotations


class Precedence:
    """Tells one process when to leave free leases to the others. Pure: times are passed in.

    Args:
        away_s: if Redis has not responded for longer, leases may have expired.
        wait_s: how long the others have to renew their leases.
    """

    def __init__(self, *, away_s: float, wait_s: float) -> None:
        self._away_s = away_s
        self._wait_s = wait_s
        self._answered_s: float | None = None
        self._others_until_s: float | None = None

    def answered(self, now_s: float) -> None:
        """Record a response from Redis."""
        if self._answered_s is not None and now_s - self._answered_s > self._away_s:
            self._others_until_s = now_s + self._wait_s
        self._answered_s = now_s

    def others_first(self, now_s: float) -> bool:
        """Whether free leases are left to the processes that may have held them."""
        return self._others_until_s is not None and now_s < self._others_until_s
