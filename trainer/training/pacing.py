"""When the next checkpoint is due: often if it is written fast, less often if writing takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: The default interval from the end of one checkpoint to the next: TIMES times as long as the last one took, so that
#: checkpoints take at most about a tenth of the time; but at least LEAST_S, and at most MOST_S, which a kill may lose.
LEAST_S, TIMES, MOST_S = 180.0, 10.0, 3600.0


class Pace:
    """Schedules checkpoints by how long the last one took to write.

    Args:
        every_s: a fixed interval, however long writing takes; 0: after every step; None: the default above.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, every_s: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._ended_s, self._took_s = clock(), 0.0

    @property
    def wait_s(self) -> float:
        """Seconds from the end of the last checkpoint to the next."""
        if self._every_s is not None:
            return self._every_s
        return min(MOST_S, max(LEAST_S, TIMES * self._took_s))

    @property
    def due(self) -> bool:
        return self._clock() - self._ended_s >= self.wait_s

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Time the block, which writes a checkpoint."""
        start_s = self._clock()
        yield
        self._ended_s = self._clock()
        self._took_s = self._ended_s - start_s
