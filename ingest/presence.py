"""Registers a process as a worker as soon as Redis accepts writes."""

from __future__ import annotations

import logging
import threading

from prometheus_client import CollectorRegistry

from wire.bus import UNAVAILABLE, Redis
from wire.metrics import exposition
from wire.workers import Worker

log = logging.getLogger(__name__)

#: Interval between retries while Redis is unavailable or full, in seconds.
RETRY_S = 1.0


def register_worker(redis: Redis, service: str, registry: CollectorRegistry, stop: threading.Event) -> Worker | None:
    """A registered worker with these metrics, to be entered immediately; None if `stop` was set before."""
    waiting = False
    while not stop.is_set():
        try:
            worker = Worker(redis, service, lambda: exposition(registry))
        except UNAVAILABLE as error:
            if not waiting:  # log once per outage
                log.warning("%s: waiting for Redis: %s", service, error)
            waiting = True
            stop.wait(RETRY_S)
        else:
            if waiting:
                log.info("%s: Redis is available again", service)
            return worker
    return None
