"""Partial chunks: decoded early for live viewers when the transcriber has time.

Nothing depends on them. A partial chunk may be late, fail or be lost: the complete chunk follows soon and is decoded
from scratch. Only if that one is lost, the words that were shown are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from transcriber.engine import Engine
from transcriber.joining import seam
from transcriber.joining.policy import Policy
from transcriber.outcome import Outcome
from wire.bus import RedisError
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.errors import Unsupported
from wire.messages import Task
from wire.metrics import TranscriberMetrics
from wire.queue import Delivery

log = logging.getLogger(__name__)

#: Maximum time for which partial chunks may delay a complete chunk that arrives meanwhile, in seconds.
_MAX_DELAY_S = 0.5


class Previews:
    """Selects partial chunks to decode, and publishes their captions."""

    def __init__(self, log: CaptionLog, metrics: TranscriberMetrics) -> None:
        self._log = log
        self._metrics = metrics

    def max_count(self, window_s: float) -> int:
        """Maximum number of partial chunks to take at once, if one takes `window_s` to decode."""
        return int(_MAX_DELAY_S / max(window_s, 1e-3))

    def due(self, taken: Iterable[Delivery], engine: Engine, task: Task) -> list[Delivery]:
        """The newest partial chunk of each source, if the source is captioned up to it and the model supports it.

        Args:
            taken: partial and complete chunks. A source with a complete one needs no preview.
            task: of chunks that do not name one.
        """
        newest = {delivery.chunk.source: delivery for delivery in sorted(taken, key=lambda d: not d.chunk.partial)}
        partial = [delivery for delivery in newest.values() if delivery.chunk.partial]
        return [delivery for delivery in partial if self._is_due(delivery.chunk, engine, task)]

    def _is_due(self, chunk: Chunk, engine: Engine, task: Task) -> bool:
        try:
            progress = self._log.progress(chunk.source)
        except RedisError as error:  # complete chunks of the same batch can wait for Redis
            log.debug("%s: no preview: %s", chunk.source, error)
            return False
        first = not progress.epoch and not chunk.seq
        if not first and (chunk.epoch, chunk.seq) != (progress.epoch, progress.next_seq):
            self._metrics.partials.labels("late").inc()
            return False
        try:
            engine.check(chunk.language, chunk.task or task)
        except Unsupported:  # reported with the complete chunk
            return False
        return True

    def show(self, chunk: Chunk, outcome: Outcome | Exception) -> None:
        """Publish provisional captions of a partial chunk."""
        if isinstance(outcome, Exception):
            log.info("partial chunk %s failed: %r", chunk.place, outcome)
            return
        policy = Policy(chunk.source)
        try:
            captions = self._log.preview(chunk.source, lambda state: seam.preview(state, outcome, policy))
        except RedisError as error:
            log.debug("%s: preview not published: %s", chunk.source, error)
            return
        except Exception:  # a fault in a preview must not stop the worker
            log.exception("%s: preview failed", chunk.place)
            return
        self._metrics.partials.labels("shown" if captions else "nothing").inc()
