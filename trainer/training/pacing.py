"""When the next checkpoint is due: often where it is written in no time, more seldom where that takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Where nobody says how often: seconds from the end of one to the beginning of the next. At least so many; and so many
#: times what the last one took, so that no more than about a tenth of the time goes there; but never more than an hour,
#: which is what a kill may cost.
LEAST_S, TIMES, MOST_S = 180.0, 10.0, 3600.0


class Pace:
    """Tells when a checkpoint is due, by how long the last one took.

    Args:
        every_s: what was asked for, however long it takes; 0: behind every step; None: as suits.
        clock: seconds from any beginning.
    """

    def __init__(self, every_s: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._ended_s, self._took_s = clock(), 0.0

    @property
    def wait_s(self) -> float:
        """Seconds from the end of the last one to the next."""
        if self._every_s is not None:
            return self._every_s
        return min(MOST_S, max(LEAST_S, TIMES * self._took_s))

    @property
    def due(self) -> bool:
        return self._clock() - self._ended_s >= self.wait_s

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The block writes one."""
        began_s = self._clock()
        yield
        self._ended_s = self._clock()
        self._took_s = self._ended_s - began_s
