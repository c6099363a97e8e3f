"""Delays between retries: capped exponential backoff with full jitter. Pure: randomness is passed in.

Full jitter spreads the reconnections to a server that has recovered (M. Brooker, "Exponential Backoff And Jitter",
2015).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

#: After a connection that lasted at least this long, the next failure counts as the first, in seconds.
HEALTHY_S = 60.0


@dataclass
class Backoff:
    """Delays of one source.

    Args:
        base_s: half of the maximum delay after the first failure; the maximum doubles with each further one.
        cap_s: maximum delay between two tries.
        slow_cap_s: maximum delay after lasting failures (no such host, no such page); reached after four of them.
        uniform: draws a number between two others.
    """

    base_s: float = 1.0
    cap_s: float = 60.0
    slow_cap_s: float = 300.0
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False)
    _failures: int = 0
    _lasting: int = 0

    def delay_s(self, *, lasted_s: float = 0.0, lasting: bool = False) -> float:
        """Time to wait after a failure.

        Args:
            lasted_s: how long audio was received before.
            lasting: whether a quick retry would fail too.
        """
        if lasted_s >= HEALTHY_S:
            self._failures = self._lasting = 0
        self._failures += 1
        if lasting:
            self._lasting += 1
            # At least half of it, so that a hundred dead addresses do not cause a hundred requests a minute.
            most_s = min(self.slow_cap_s, 5.0 * 4.0 ** min(self._lasting - 1, 10))
            return self.uniform(most_s / 2, most_s)
        self._lasting = 0
        most_s = min(self.cap_s, self.base_s * 2.0 ** min(self._failures, 20))
        return self.uniform(0.0, most_s)
