"""Workers: a bounded name for each, and a heartbeat that carries its metrics.

A worker's name is its service and the lowest free number (`transcriber-0`), so that names, and with them metric labels
and queue consumers, stay few however often workers restart. A name that was not renewed in time, because Redis was away
or its worker slept, is free: whoever finds it taken at the next heartbeat goes on under another.
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

# A heartbeat, unless the name is another's by now: 0.
_BEAT = """
local found = redis.call('GET', KEYS[1])
if found and string.sub(found, 1, #ARGV[1]) ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'EX', ARGV[3])
return 1
"""


class Worker:
    """A named worker with a heartbeat on its own thread. Use it as a context manager.

    Args:
        service: such as `transcriber`.
        metrics: called for every heartbeat; what it returns is what the API shows for this worker.
    """

    def __init__(self, redis: Redis, service: str, metrics: Callable[[], bytes]) -> None:
        self._redis = redis
        self._service = service
        self._metrics = metrics
        self._token = secrets.token_hex(4).encode() + b"\n"
        self._stop = threading.Event()
        self.name = self._take_name()
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
                if not missed:  # one line for each time that Redis goes away, not for each beat
                    log.warning("no heartbeat: %s", error)
                missed = True

    def _beat(self) -> None:
        metrics = self._metrics()
        while not self._redis.eval(_BEAT, 1, keys.worker(self.name), self._token, metrics, TTL_S):
            before, self.name = self.name, self._take_name()
            log.warning("another worker has become %s; this one is %s now", before, self.name)


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
