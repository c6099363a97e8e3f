"""How long to wait before the next try: capped, exponential, with full jitter. Pure: randomness is handed in.

Full jitter spreads the listeners of a server that has come back (M. Brooker, "Exponential Backoff And Jitter", 2015).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

#: A connection that lasted so long was healthy: the next failure counts as the first, in seconds.
HEALTHY_S = 60.0


@dataclass
class Backoff:
    """Delays of one source.

    Args:
        base_s: most time before the second try.
        cap_s: most time between two tries.
        slow_cap_s: the same where a failure is lasting (no such host, no such page); reached after four of them.
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
            lasted_s: how long audio had been coming in before.
            lasting: whether the failure will be there at a quick retry too.
        """
        if lasted_s >= HEALTHY_S:
            self._failures = self._lasting = 0
        self._failures += 1
        if lasting:
            self._lasting += 1
            # Half of it is certain: a hundred dead addresses must not wake up a hundred times a minute.
            most_s = min(self.slow_cap_s, 5.0 * 4.0 ** min(self._lasting - 1, 10))
            return self.uniform(most_s / 2, most_s)
        self._lasting = 0
        most_s = min(self.cap_s, self.base_s * 2.0 ** min(self._failures, 20))
        return self.uniform(0.0, most_s)
