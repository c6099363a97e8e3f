"""Renew a worker's claim on its chunks from a separate thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from wire.bus import RedisError
from wire.queue import ChunkQueue, Delivery

log = logging.getLogger(__name__)


class Renewal:
    """Renews the held deliveries every `every_s` seconds. Use it as a context manager."""

    def __init__(self, queue: ChunkQueue, worker: str, every_s: float) -> None:
        self._queue = queue
        self._worker = worker
        self._every_s = every_s
        self._held: tuple[Delivery, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def __enter__(self) -> Renewal:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def hold(self, deliveries: Iterable[Delivery]) -> None:
        """Replace the deliveries to renew."""
        self._held = tuple(deliveries)

    def drop(self, delivery: Delivery) -> None:
        """Stop renewing one delivery. Call this before releasing it, or a renewal may claim it again."""
        self.hold(held for held in self._held if held is not delivery)

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                if held := self._held:
                    self._queue.renew(self._worker, held)
            except RedisError as error:
                log.warning("chunks could not be renewed: %s", error)
