"""The place of a process among the workers, which it gets as soon as Redis takes what it is told."""

from __future__ import annotations

import logging
import threading

from prometheus_client import CollectorRegistry

from wire.bus import AWAY, Redis
from wire.metrics import exposition
from wire.workers import Worker

log = logging.getLogger(__name__)

#: Time between two questions to a Redis that is away, or full, in seconds.
AGAIN_S = 1.0


def present(redis: Redis, service: str, registry: CollectorRegistry, stop: threading.Event) -> Worker | None:
    """A worker with these metrics, to be entered at once; None, if told to stop before Redis took it."""
    told = False
    while not stop.is_set():
        try:
            worker = Worker(redis, service, lambda: exposition(registry))
        except AWAY as error:
            if not told:  # one line for each time that Redis goes away
                log.warning("%s: waiting for Redis: %s", service, error)
            told = True
            stop.wait(AGAIN_S)
        else:
            if told:
                log.info("%s: Redis is there again", service)
            return worker
    return None
