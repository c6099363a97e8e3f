"""The transcriber's loop: take waiting chunks, decode them in one batch, commit the captions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from transcriber import grouping
from transcriber.chunk_decoder import ChunkDecoder, Settled
from transcriber.commits import Commits
from transcriber.engine import Engine
from transcriber.outcome import Outcome
from transcriber.previews import Previews
from transcriber.prompt import previous_text
from transcriber.renewal import Renewal
from transcriber.settings import Settings
from transcriber.triage import triage
from wire.bus import UNAVAILABLE, Redis
from wire.captions import CaptionLog, latest_revisions
from wire.chunk import Chunk
from wire.errors import ModelError, UnknownSource, Unsupported
from wire.messages import Kind, State, split_source
from wire.metrics import TranscriberMetrics
from wire.queue import ChunkQueue, Delivery
from wire.sources import Jobs, Statuses

log = logging.getLogger(__name__)

#: Maximum pause between attempts while Redis is unreachable, in seconds.
_AWAY_S = 2.0

#: Number of a source's newest caption events to read for its previous text: half a minute has about a dozen.
_RECENT_EVENTS = 24

#: After this many consecutive chunks that fail alone, the engine is considered broken.
_BROKEN_AFTER = 8


class Transcriber:
    """One worker.

    Args:
        name: its consumer name in the queue.
        engine: called before every batch, so that the model can be replaced between two batches.
        clock: returns Unix time.
    """

    def __init__(
        self,
        redis: Redis,
        name: str,
        engine: Callable[[], Engine],
        metrics: TranscriberMetrics,
        settings: Settings,
        *,
        queue: ChunkQueue,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._engine = engine
        self._metrics = metrics
        self._settings = settings
        self._queue = queue
        self._log = CaptionLog(redis, retention_s=settings.retention_s, clock=clock)
        self._jobs = Jobs(redis, retention_s=settings.retention_s)
        self._statuses = Statuses(redis, retention_s=settings.retention_s)
        self._renewal = Renewal(queue, name, settings.renew_every_s)
        self._clock = clock
        self._decoder = ChunkDecoder(settings, metrics, self._previous_text)
        self._previews = Previews(self._log, metrics)
        self._stop = threading.Event()
        self._commits = Commits(
            self._log, self._statuses, metrics, max_lag_s=settings.live_max_lag_s, clock=clock, stop=self._stop
        )
        self._last_claim_s = -float("inf")  # when dead workers' chunks were last looked for
        self._claimed = False  # whether the last batch was a claimed chunk
        self._failures = 0
        self._longest_s = (0.0, 0.0)  # duration of the longest chunk so far, and of its overlap with the next one

    def stop(self) -> None:
        """Make `run` return after the current batch. May be called from any thread."""
        self._stop.set()

    def run(self) -> None:
        """Transcribe until `stop` is called.

        Raises:
            ModelError: the engine fails on every chunk.
        """
        away_s = lost_s = 0.0
        with self._renewal:
            while not self._stop.is_set():
                try:
                    self.step()
                    if away_s:
                        log.info("Redis is reachable again, after %.0f s", time.monotonic() - lost_s)
                    away_s = 0.0
                except UNAVAILABLE as error:
                    if not away_s:
                        log.warning("Redis is unreachable, retrying: %s", error)
                        lost_s = time.monotonic()
                    away_s = min(_AWAY_S, away_s + 0.1)
                    self._stop.wait(away_s)

    def step(self, block_s: float = 1.0) -> int:
        """Take and process one batch, and return its number of chunks."""
        engine = self._engine()  # before taking chunks: replacing the model may take a while
        taken = self._take(engine, block_s)
        deliveries = [delivery for delivery in taken if not delivery.chunk.partial]
        self._renewal.hold(deliveries)
        whole = (each.chunk for each in deliveries if not each.chunk.last)
        self._longest_s = max([self._longest_s, *((chunk.duration_s, chunk.tail_s) for chunk in whole)])
        try:
            if self._stop.is_set():
                self._queue.release(self._name, deliveries)
                return 0
            partial = self._previews.due(taken, engine, self._settings.task)
            if deliveries or partial:
                self._process(engine, deliveries, partial)
            return len(taken)
        finally:
            self._renewal.hold(())

    def _take(self, engine: Engine, block_s: float) -> list[Delivery]:
        """Claim one chunk of a dead worker, or else take new ones; both alternate, as a dead worker may leave many.

        Claimed chunks are processed singly, so that a chunk that kills its worker takes no others with it.
        """
        claimed_before, self._claimed = self._claimed, False
        if claimed_before and (new := self._take_new(engine, 0.0)):
            return new
        now_s = time.monotonic()
        if now_s - self._last_claim_s >= self._settings.claim_every_s:
            claimed = self._queue.claim(self._name, 1)
            if claimed:
                self._metrics.claimed.inc(len(claimed))
                self._claimed = True
                return claimed
            self._last_claim_s = now_s
        return self._take_new(engine, block_s)

    def _take_new(self, engine: Engine, block_s: float) -> list[Delivery]:
        """Take new chunks; of recordings, enough to fill a GPU's batch with windows of the full context.

        On a CPU, take about `batch_size` of them, enough to fill the last window: more would delay live chunks.
        """
        batch_size = self._settings.batch_size
        chunks_per_window = grouping.max_chunks(engine.context_s, *self._longest_s)
        windows = -(-batch_size // chunks_per_window) if engine.device == "cpu" else batch_size
        partials = self._previews.max_count(self._decoder.window_s)
        return self._queue.take(self._name, batch_size, block_s, uploads=windows * chunks_per_window, partials=partials)

    def _process(self, engine: Engine, deliveries: Sequence[Delivery], partial: Sequence[Delivery]) -> None:
        max_lag_s, tries = self._settings.live_max_lag_s, self._queue.max_deliveries
        triaged = triage(deliveries, now_s=self._clock(), max_lag_s=max_lag_s, max_deliveries=tries)
        self._commits.commit([(delivery, Outcome.of(delivery.chunk)) for delivery in triaged.quiet], "quiet")
        self._commits.commit([(delivery, Outcome.lost(delivery.chunk, "shed")) for delivery in triaged.shed], "shed")
        self._metrics.shed_s.inc(sum(delivery.chunk.duration_s for delivery in triaged.shed))
        for delivery in triaged.damaged:
            self._dead_letter(delivery, delivery.damage)
        for delivery in triaged.exhausted:
            self._dead_letter(delivery, f"delivered {delivery.deliveries} times")
        supported = [delivery for delivery in triaged.speech if self._is_supported(engine, delivery)]
        if supported or partial:
            self._transcribe(engine, supported, partial)

    def _is_supported(self, engine: Engine, delivery: Delivery) -> bool:
        """Whether the model supports a chunk. If not, commit a gap in its place, so that its batch does not fail."""
        try:
            engine.check(delivery.chunk.language, delivery.chunk.task or self._settings.task)
        except Unsupported as error:
            self._report_unsupported(delivery.chunk.source, error)  # before the commit, in case Redis is unreachable
            self._commits.commit([(delivery, Outcome.lost(delivery.chunk, error.reason))], "dead", dead=str(error))
            return False
        return True

    def _report_unsupported(self, source: str, error: Unsupported) -> None:
        """Report once what the model does not support: fail a job, which stops its decoding, or set a remark."""
        kind, id = split_source(source)
        why = f"{error}; leave out the {error.reason}, or set MODEL to a model that supports it"
        # A job with captions of an earlier model is not failed, and a station may get a model that supports it: gaps
        # mark what is missing.
        if kind is not Kind.JOB or self._log.progress(source).languages:
            if self._statuses.remark(source, f"no captions: {why}"):
                log.warning("no captions of %s: %s", source, why)
            return
        try:
            if self._jobs.fail(id, why):
                log.warning("%s: %s", source, why)
                status = self._statuses.get(kind, id)
                self._statuses.save(replace(status, state=State.FAILED, detail=why, since_s=self._clock()))
        except UnknownSource:
            log.info("%s was deleted meanwhile", source)

    def _transcribe(self, engine: Engine, deliveries: Sequence[Delivery], partial: Sequence[Delivery]) -> None:
        """Decode and commit chunks batch by batch; when asked to stop, release the remaining ones."""
        left = list(deliveries)
        live = [delivery for delivery in deliveries if delivery.chunk.live]
        uploads = [delivery for delivery in deliveries if not delivery.chunk.live]
        for settled in self._decoder.decode(engine, [*live, *partial, *uploads]):
            began_s = time.perf_counter()
            self._settle(settled)
            self._metrics.stage_s.labels("commit").observe(time.perf_counter() - began_s)
            for delivery, _ in settled:
                if not delivery.chunk.partial:
                    left.remove(delivery)
            if left and self._stop.is_set():
                self._renewal.hold(())
                self._queue.release(self._name, left)
                return

    def _settle(self, settled: Settled) -> None:
        """Commit transcribed chunks, handle failed ones and show partial ones, in their order.

        So partial chunks wait for commits of live chunks, but not of uploads, and a failure loses no earlier result.
        """
        transcribed: list[tuple[Delivery, Outcome]] = []
        for delivery, outcome in settled:
            if isinstance(outcome, Outcome) and not delivery.chunk.partial:
                self._failures = 0
                transcribed.append((delivery, outcome))
                continue
            self._commits.commit(transcribed, "transcribed")
            transcribed = []
            if delivery.chunk.partial:
                self._previews.show(delivery.chunk, outcome)
            elif isinstance(outcome, Exception):
                self._fail(delivery, outcome)
        self._commits.commit(transcribed, "transcribed")

    def _previous_text(self, chunk: Chunk) -> str:
        """The final text before a chunk, if its source is captioned up to it; else empty.

        That depends on the batch, so a model that uses prompts may write slightly different text with two workers.
        """
        progress = self._log.progress(chunk.source)
        if (progress.epoch, progress.next_seq) != (chunk.epoch, chunk.seq):
            return ""
        # A correction is a recent event even if its caption is old.
        captions = latest_revisions(self._log.latest(chunk.source, _RECENT_EVENTS))
        return previous_text(captions, chunk.transcribed_from_s, chunk.language)

    def _fail(self, delivery: Delivery, error: Exception) -> None:
        """Handle a chunk that failed alone: release it for another attempt, or dead-letter it."""
        if isinstance(error, ModelError):  # the model does not support it; nothing is broken
            self._dead_letter(delivery, str(error))
            return
        log.error("%s failed", delivery.chunk.place, exc_info=error)
        self._failures += 1
        if self._failures >= _BROKEN_AFTER:
            raise ModelError(f"the engine fails on every chunk; the last error: {error!r}") from error
        if delivery.deliveries < self._queue.max_deliveries:
            self._renewal.drop(delivery)
            self._queue.release(self._name, [delivery])
        else:
            self._dead_letter(delivery, repr(error))

    def _dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Dead-letter a chunk that failed or is damaged, and commit a gap in its place."""
        log.error("%s is dead-lettered: %s", delivery.chunk.place, reason)
        self._commits.commit([(delivery, Outcome.lost(delivery.chunk, "failed"))], "dead", dead=reason)
