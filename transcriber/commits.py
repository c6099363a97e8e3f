"""Commits outcomes of chunks: one step of the seam, and one transaction, for all of a source that came together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from transcriber.joining import seam
from transcriber.joining.policy import Policy
from transcriber.outcome import Outcome
from wire.bus import UNAVAILABLE
from wire.captions import Advance, CaptionLog
from wire.chunk import Chunk
from wire.messages import Caption
from wire.metrics import TranscriberMetrics
from wire.queue import Delivery
from wire.sources import Statuses

log = logging.getLogger(__name__)

#: Pause between attempts while Redis is unreachable, in seconds.
_AWAY_S = 2.0


class Commits:
    """Writes outcomes to the caption log, and counts them.

    Args:
        max_lag_s: how long a live source waits for a missing chunk.
        clock: returns Unix time.
        stop: when set, a commit no longer waits for Redis.
    """

    def __init__(
        self,
        log: CaptionLog,
        statuses: Statuses,
        metrics: TranscriberMetrics,
        *,
        max_lag_s: float,
        clock: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._log = log
        self._statuses = statuses
        self._metrics = metrics
        self._max_lag_s = max_lag_s
        self._clock = clock
        self._stop = stop

    def commit(self, outcomes: Iterable[tuple[Delivery, Outcome]], label: str, *, dead: str = "") -> None:
        """Commit outcomes, those of each source at once: on a distant Redis, a commit takes longer than decoding.

        Wait while Redis is unreachable: the work is done, so keep the results.

        Args:
            label: what became of the chunks, for the metrics.
            dead: why they go to the dead letters; empty if they do not.

        Raises:
            UNAVAILABLE: Redis is unreachable, and this process should stop.
        """
        by_source: dict[str, list[tuple[Delivery, Outcome]]] = {}
        for delivery, outcome in outcomes:
            by_source.setdefault(delivery.chunk.source, []).append((delivery, outcome))
        for source, settled in by_source.items():
            self._commit(source, settled, dead)
            self._metrics.chunks.labels(label).inc(len(settled))

    def _commit(self, source: str, settled: Sequence[tuple[Delivery, Outcome]], dead: str) -> None:
        policy, now_s = Policy(source, self._max_lag_s), self._clock()
        deliveries = [delivery for delivery, _ in settled]
        advance: Advance | None = None

        def apply(state: bytes | None) -> Advance | None:
            nonlocal advance
            advance = seam.advance(state, (outcome for _, outcome in settled), policy, now_s)
            return advance

        while True:
            try:
                captions = self._log.commit(deliveries, apply, dead=dead)
                break
            except UNAVAILABLE:
                if self._stop.wait(_AWAY_S):
                    raise
        if advance:
            self._report(advance, [delivery.chunk for delivery in deliveries], captions)

    def _report(self, advance: Advance, chunks: Sequence[Chunk], captions: Sequence[Caption]) -> None:
        for reason in advance.rejected:
            self._metrics.rejected.labels(reason).inc()
        if not chunks[-1].live:
            return
        if advance.sounds_like:
            self._report_language(chunks[-1], advance.sounds_like)
        if not captions:
            return
        place = advance.epoch, advance.next_seq
        # A caption has the time of its newest chunk only; one in the seam that waited has no caption yet.
        applied = {chunk.captured_s for chunk in chunks if (chunk.epoch, chunk.seq) < place}
        for captured_s in filter(None, applied | {caption.captured_s for caption in captions}):
            self._metrics.latency_s.observe(max(0.0, self._clock() - captured_s))

    def _report_language(self, chunk: Chunk, detected: str) -> None:
        """Set a remark if a live source does not sound like its configured language. A job reports this by itself."""
        why = f"sounds like {detected}, but is set to {chunk.language}: correct the language, or leave it out"
        if self._statuses.remark(chunk.source, why):
            log.warning("%s %s", chunk.source, why)
