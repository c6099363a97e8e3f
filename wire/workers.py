"""Workers: a bounded name for each, and a heartbeat that carries its metrics.

A worker's name is its service and the lowest free number (`transcriber-0`), so that names, and with them metric labels
and queue consumers, stay few however often workers restart.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from typing import Any

from wire import keys
from wire.bus import Redis, RedisError

log = logging.getLogger(__name__)

#: A worker that has not been heard of for so long, in seconds, is gone.
TTL_S = 10

#: Time between heartbeats, in seconds.
BEAT_S = 2.0


class Worker:
    """A named worker with a heartbeat on its own thread. Use it as a context manager.

    Args:
        service: such as `transcriber`.
        metrics: called for every heartbeat; what it returns is what the API shows for this worker.
    """

    def __init__(self, redis: Redis, service: str, metrics: Callable[[], bytes]) -> None:
        self._redis = redis
        self._metrics = metrics
        self._token = secrets.token_hex(4).encode()
        self._stop = threading.Event()
        self.name = self._take_name(service)
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Worker:
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=BEAT_S + 1)
        try:
            self._redis.delete(keys.worker(self.name))
        except RedisError as error:
            log.debug("heartbeat of %s left to expire: %s", self.name, error)

    def _take_name(self, service: str) -> str:
        number = 0
        while not self._redis.set(keys.worker(f"{service}-{number}"), self._token + b"\n", nx=True, ex=TTL_S):
            number += 1
        return f"{service}-{number}"

    def _run(self) -> None:
        missed = False
        while not self._stop.wait(BEAT_S):
            try:
                self._beat()
                missed = False
            except RedisError as error:
                if not missed:  # one line for each time that Redis goes away, not for each beat
                    log.warning("no heartbeat: %s", error)
                missed = True

    def _beat(self) -> None:
        self._redis.set(keys.worker(self.name), self._token + b"\n" + self._metrics(), ex=TTL_S)


def alive(redis: Redis) -> dict[str, bytes]:
    """Name and metrics of every worker with a heartbeat."""
    answer: Any = redis.scan_iter(match=f"{keys.WORKERS}*", count=1000)
    found: list[bytes] = sorted(answer)
    values: Any = redis.mget(found) if found else []
    return {
        key.decode().removeprefix(keys.WORKERS): value.split(b"\n", 1)[1]
        for key, value in zip(found, values, strict=True)
        if value is not None
    }
