"""Sends one live source's chunks and status to Redis, so that the thread that reads audio never waits for Redis.

The reader counts its connections; the courier assigns each an epoch when its first chunk is sent. So a reader can even
reconnect while Redis is unavailable.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ingest.live.lease import Hold
from ingest.live.outbox import Outbox
from wire.bus import Redis, RedisError
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.errors import QueueFull
from wire.messages import State, Status, split_source
from wire.metrics import IngestMetrics
from wire.queue import ChunkQueue
from wire.sources import Statuses, next_epoch

log = logging.getLogger(__name__)

#: Pause before a retry if Redis is unavailable or the queue is full, in seconds.
PAUSE_S = 0.5

#: At the end, chunks are sent for at most this long, in seconds.
DRAIN_S = 3.0

#: Minimum interval between two published statuses, in seconds.
STATUS_EVERY_S = 1.0


class Courier:
    """The thread between one live source and Redis.

    Args:
        hold: state of our lease on the source; nothing is sent unless it is held.
        on_sending: called on the courier's thread with the transaction that queues a chunk, to add commands to it, and
            what is queued then: the audio so far, in seconds, the epoch, and the number of its chunks. Called again
            with the same arguments if the transaction fails.
        on_queued: called with each chunk, including its audio, after it was queued.
        send_extra: called regularly to send other data to Redis; must not raise.
        status: initial status of the source.
    """

    def __init__(
        self,
        redis: Redis,
        outbox: Outbox,
        status: Status,
        metrics: IngestMetrics,
        *,
        hold: Callable[[], Hold] = lambda: Hold.HELD,
        on_sending: Callable[[Any, float, int, int], None] = lambda pipeline, sent_s, epoch, n_chunks: None,
        on_queued: Callable[[Chunk], None] = lambda chunk: None,
        send_extra: Callable[[], None] = lambda: None,
    ) -> None:
        self._redis = redis
        self._queue = ChunkQueue(redis)
        self._statuses = Statuses(redis)
        self._captions = CaptionLog(redis)
        self._outbox = outbox
        self._status = status
        self._metrics = metrics
        self.hold = hold
        self._on_sending = on_sending
        self._on_queued = on_queued
        self._send_extra = send_extra
        self._kind = split_source(status.source)[0]
        self._connection = 0  # the reader's number of the connection that `_epoch` belongs to
        self._epoch = 0
        #: The epoch of the newest queued chunk, and its number of chunks; another process may have queued it.
        self.queued: tuple[int, int] | None = None
        self._dirty = True
        self._saved_s = 0.0
        self._redis_unavailable = False
        self._sent_s = 0.0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._drain_until_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"courier {status.source}", daemon=True)

    @property
    def status(self) -> Status:
        """The source's status as last reported."""
        return self._status

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def report(self, **changes: Any) -> None:
        """Change fields of the status; the change is published soon."""
        with self._lock:
            status = dataclasses.replace(self._status, **changes)
            if status.state is not self._status.state:
                status = dataclasses.replace(status, since_s=time.time())
            if status != self._status:
                self._status = status
                self._dirty = True

    def close(self, *, discard: bool = False) -> None:
        """Send what is left, and stop; with `discard`, send nothing, not even the status."""
        if discard:
            self._outbox.clear()
            self._dirty = False
        self._drain_until_s = 0.0 if discard else time.monotonic() + DRAIN_S
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout=DRAIN_S + 5)

    def _run(self) -> None:
        while True:
            closing = self._closing.is_set()
            chunk = self._outbox.take(0.0 if closing else 0.25)
            if closing and (chunk is None or time.monotonic() > self._drain_until_s):
                break
            if chunk is not None and not self._send(chunk) and not chunk.partial:
                self._outbox.put_back(chunk)
                self._closing.wait(PAUSE_S)
                if closing:
                    time.sleep(PAUSE_S)
            if self.hold() is Hold.HELD:
                self._send_extra()
            self._save_status()
        if self._drain_until_s:
            self._save_status(now=True)

    def _send(self, chunk: Chunk) -> bool:
        if self.hold() is not Hold.HELD:
            return False
        began_s = time.perf_counter()
        try:
            if chunk.epoch != self._connection:
                # The counter may expire before the captions, for which a lower epoch would be in the past.
                captioned = self._captions.progress(chunk.source).epoch
                self._epoch = next_epoch(self._redis, chunk.source, above=max(self._epoch, captioned))
                self._connection = chunk.epoch
                self.report(epoch=self._epoch)
            if chunk.partial:
                self._queue.put(dataclasses.replace(chunk, epoch=self._epoch))
                return True
            follows = None if chunk.seq else self.queued
            sent_s, n_chunks = self._sent_s + chunk.duration_s, chunk.seq + 1
            queued = self._queue.put(
                dataclasses.replace(chunk, epoch=self._epoch, follows=follows),
                also=lambda pipeline: self._on_sending(pipeline, sent_s, self._epoch, n_chunks),
            )
        except (RedisError, QueueFull) as error:  # this thread must survive any error of Redis
            self._redis_failed(error)
            return False
        self._redis_recovered()
        self.queued, self._sent_s = (self._epoch, n_chunks), sent_s
        self._metrics.stage_s.labels("queue").observe(time.perf_counter() - began_s)
        self._metrics.chunks.labels(self._kind, queued.content).inc()
        if chunk.pcm and not queued.pcm:
            self._metrics.shed_s.labels(self._kind).inc(chunk.duration_s)
        self._on_queued(chunk)
        return True

    def _save_status(self, *, now: bool = False) -> None:
        if not self._dirty or self.hold() is not Hold.HELD:
            return
        if not now and time.monotonic() - self._saved_s < STATUS_EVERY_S:
            return
        with self._lock:
            status, self._dirty = self._status, False
        try:
            self._statuses.save(status)
            self._saved_s = time.monotonic()
        except RedisError as error:
            self._dirty = True
            self._redis_failed(error)

    def _redis_failed(self, error: Exception) -> None:
        if not self._redis_unavailable:
            self._redis_unavailable = True
            log.warning("%s: keeping chunks in memory for now: %s", self._status.source, error)

    def _redis_recovered(self) -> None:
        if self._redis_unavailable:
            self._redis_unavailable = False
            log.info("%s: sending chunks to Redis again", self._status.source)


def first_status(source: str, worker: str) -> Status:
    """The initial status of a source that this worker has taken."""
    return Status(source, State.CONNECTING, since_s=time.time(), worker=worker)
