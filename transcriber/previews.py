"""Chunks that are not whole yet: heard ahead for those who read along, where there is time for it.

Nothing depends on them. One that is late, fails or is lost is not missed: the chunk itself comes soon, and is heard
anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from transcriber import seam
from transcriber.engine import Engine
from transcriber.outcome import Outcome
from transcriber.policy import Policy
from wire.bus import RedisError
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.errors import Unsupported
from wire.messages import Task
from wire.metrics import TranscriberMetrics
from wire.queue import Delivery

log = logging.getLogger(__name__)

#: So long, in seconds, may partial chunks make a whole one wait that comes meanwhile.
_MOST_S = 0.5


class Previews:
    """What a worker does with partial chunks."""

    def __init__(self, log: CaptionLog, metrics: TranscriberMetrics) -> None:
        self._log = log
        self._metrics = metrics

    def most(self, window_s: float) -> int:
        """How many are taken at once, if one takes so many seconds."""
        return int(_MOST_S / max(window_s, 1e-3))

    def due(self, taken: Iterable[Delivery], engine: Engine, task: Task) -> list[Delivery]:
        """The newest of each source, if that is captioned up to it and the model can do what it asks for.

        Args:
            taken: whole chunks, too. Where there is one of a source, that is heard at once.
            task: of those that do not name theirs.
        """
        newest = {delivery.chunk.source: delivery for delivery in sorted(taken, key=lambda d: not d.chunk.partial)}
        partial = [delivery for delivery in newest.values() if delivery.chunk.partial]
        return [delivery for delivery in partial if self._is_due(delivery.chunk, engine, task)]

    def _is_due(self, chunk: Chunk, engine: Engine, task: Task) -> bool:
        try:
            progress = self._log.progress(chunk.source)
        except RedisError as error:  # whole chunks beside it are in hand, and have patience with Redis
            log.debug("%s: not heard ahead: %s", chunk.source, error)
            return False
        first = not progress.epoch and not chunk.seq
        if not first and (chunk.epoch, chunk.seq) != (progress.epoch, progress.next_seq):
            self._metrics.partials.labels("late").inc()
            return False
        try:
            engine.check(chunk.language, chunk.task or task)
        except Unsupported:  # what is said of the whole chunk
            return False
        return True

    def show(self, chunk: Chunk, outcome: Outcome | Exception) -> None:
        """Publish what was heard in one."""
        if isinstance(outcome, Exception):
            log.info("a part of %s %d/%d was not heard: %r", chunk.source, chunk.epoch, chunk.seq, outcome)
            return
        policy = Policy(chunk.source)
        try:
            captions = self._log.preview(chunk.source, lambda state: seam.preview(state, outcome, policy))
        except RedisError as error:
            log.debug("%s: not shown ahead: %s", chunk.source, error)
            return
        except Exception:  # a fault here must not end who transcribes whole chunks
            log.exception("%s %d/%d was not shown ahead", chunk.source, chunk.epoch, chunk.seq)
            return
        self._metrics.partials.labels("shown" if captions else "nothing").inc()
