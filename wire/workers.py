"""Workers: each has a name from a bounded set, and a heartbeat that carries its metrics.

A worker's name is its service and the lowest free number (`transcriber-0`), so that names, and with them metric labels
and queue consumers, stay few however often workers restart. A name that was not renewed in time, because Redis was
unavailable or its worker was suspended, becomes free: a worker whose name is taken at its next heartbeat takes another.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from typing import Any

from wire import keys
from wire.bus import Redis, RedisError
from wire.shared_clock import SharedClock

log = logging.getLogger(__name__)

#: A worker without a heartbeat for this long, in seconds, is gone.
TTL_S = 10

#: Time between heartbeats, in seconds.
BEAT_S = 2.0

# Writes a heartbeat and returns Redis's time; nil if another worker has taken the name.
_BEAT = """
local holder = redis.call('GET', KEYS[1])
if holder and string.sub(holder, 1, #ARGV[1]) ~= ARGV[1] then
    return false
end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'EX', ARGV[3])
return redis.call('TIME')
"""


class Worker:
    """A named worker with a heartbeat on its own thread. Use it as a context manager.

    Args:
        service: such as `transcriber`.
        metrics: called for every heartbeat; returns the metrics that the API exposes for this worker.

    Attributes:
        clock: the time that all workers share; every heartbeat adjusts it.
    """

    def __init__(self, redis: Redis, service: str, metrics: Callable[[], bytes]) -> None:
        self._redis = redis
        self._service = service
        self._metrics = metrics
        self._token = secrets.token_hex(4).encode() + b"\n"
        self._stop = threading.Event()
        self.clock = SharedClock()
        self.name = self._take_name()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Worker:
        try:
            self._beat()
            self._thread.start()
        except BaseException:  # such as a signal's SystemExit
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=BEAT_S + 1)
        try:
            self._redis.delete(keys.worker(self.name))
        except RedisError as error:
            log.debug("the heartbeat of %s was not deleted and will expire: %s", self.name, error)

    def _take_name(self) -> str:
        number = 0
        while not self._redis.set(keys.worker(f"{self._service}-{number}"), self._token, nx=True, ex=TTL_S):
            number += 1
        return f"{self._service}-{number}"

    def _run(self) -> None:
        missed = False
        while not self._stop.wait(BEAT_S):
            try:
                self._beat()
                missed = False
            except RedisError as error:
                if not missed:  # log once per outage, not per heartbeat
                    log.warning("heartbeat failed: %s", error)
                missed = True

    def _beat(self) -> None:
        metrics = self._metrics()
        while True:
            sent_s = self.clock.machine_s()
            answer: Any = self._redis.eval(_BEAT, 1, keys.worker(self.name), self._token, metrics, TTL_S)
            if answer is not None:
                seconds, microseconds = map(int, answer)
                self.clock.compare(sent_s, seconds + microseconds / 1e6, self.clock.machine_s())
                return
            before, self.name = self.name, self._take_name()
            log.warning("another worker has taken the name %s; this one is now %s", before, self.name)


def alive(redis: Redis) -> dict[str, bytes]:
    """Name and metrics of every worker with a heartbeat."""
    return {name: metrics for name, (_, metrics) in _heartbeats(redis).items()}


def count(names: Iterable[str], service: str) -> int:
    """How many of the named workers are of a service."""
    return sum(_is_of(name, service) for name in names)


def identities(redis: Redis, service: str) -> set[bytes]:
    """One unique value per worker of a service; another worker with the same name has another value."""
    return {token for name, (token, _) in _heartbeats(redis).items() if _is_of(name, service)}


def _is_of(name: str, service: str) -> bool:
    return name.startswith(f"{service}-")


def _heartbeats(redis: Redis) -> dict[str, tuple[bytes, bytes]]:
    """Token and metrics of every worker, by name."""
    answer: Any = redis.scan_iter(match=f"{keys.WORKERS}*", count=1000)
    names: list[bytes] = sorted(answer)
    values: Any = redis.mget(names) if names else []
    return {
        key.decode().removeprefix(keys.WORKERS): tuple(value.split(b"\n", 1))
        for key, value in zip(names, values, strict=True)
        if value is not None
    }
