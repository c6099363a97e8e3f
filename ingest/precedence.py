"""Who may take a station when Redis comes back: first who read it before, and has kept what was sent meanwhile.

Leases expire while Redis is away, whoever reads on. Without precedence, the process that finds Redis first would take
all of the others' stations, and what these hold in memory for it would be lost.
"""

from __future__ import annotations


class Precedence:
    """What one process must leave to the others for a while. Pure: it is told the time.

    Args:
        away_s: Redis that answers nothing for longer was away: leases may have expired.
        wait_s: so long the others have to take up what they had.
    """

    def __init__(self, *, away_s: float, wait_s: float) -> None:
        self._away_s = away_s
        self._wait_s = wait_s
        self._answered_s: float | None = None
        self._others_until_s: float | None = None

    def answered(self, now_s: float) -> None:
        """Redis has answered."""
        if self._answered_s is not None and now_s - self._answered_s > self._away_s:
            self._others_until_s = now_s + self._wait_s
        self._answered_s = now_s

    def others_first(self, now_s: float) -> bool:
        """Whether what nobody has is left to those who may have had it."""
        return self._others_until_s is not None and now_s < self._others_until_s
