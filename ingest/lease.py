"""Leases: which ingest process reads a station. Several share the stations, and a dead one's stations move.

A lease is a key with a time to live that holds its owner's token (SET NX PX). Only the owner prolongs or deletes it, by
scripts that compare the token. Times are those of our own monotonic clock, counted from before the request was sent,
so we never believe in a lease for longer than Redis does.

The token keeps two readers from renewing the same key; what keeps a late writer from doing harm is the epoch: every
connection takes a higher one, and whatever comes of a lower one is known to be old.

redis-py's own Lock would do for one lease; it knows neither "Redis is away, so nobody else can have it" nor many leases
renewed together.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass
from enum import Enum, auto

from wire import keys
from wire.bus import Redis, RedisError

log = logging.getLogger(__name__)

#: A lease is renewed when this part of its time is over.
RENEW_AFTER = 1 / 3

# Renew what is ours, and take again what has expired (Redis was away, or lost its data): 1 if it is ours now.
_RENEW = """
local owner = redis.call('GET', KEYS[1])
if owner == false or owner == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1
end
return 0
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
"""


class Hold(Enum):
    """What we know of a lease."""

    HELD = auto()  # it is ours, and nobody else can have it
    UNSURE = auto()  # its time is over and Redis has not answered: go on reading, send nothing
    LOST = auto()  # another has it: stop


@dataclass(frozen=True, slots=True)
class Term:
    """The time of a lease; pure arithmetic."""

    renewed_s: float  # when the last successful request was sent
    ttl_s: float
    lost: bool = False

    def hold(self, now_s: float) -> Hold:
        """What is known of it at `now_s`."""
        if self.lost:
            return Hold.LOST
        return Hold.HELD if now_s < self.renewed_s + self.ttl_s else Hold.UNSURE

    def due(self, now_s: float) -> bool:
        """Whether it is time to renew."""
        return not self.lost and now_s >= self.renewed_s + self.ttl_s * RENEW_AFTER


class Leases:
    """The leases of one process, renewed on a thread of their own.

    Args:
        owner: name of this process, for whoever looks into Redis.
        ttl_s: a dead owner's lease can be taken after this time.
    """

    def __init__(self, redis: Redis, owner: str, *, ttl_s: float = 10.0) -> None:
        self._redis = redis
        self._token = f"{owner} {secrets.token_hex(8)}"
        self._ttl_s = ttl_s
        self._terms: dict[str, Term] = {}
        self._lock = threading.Lock()
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """End renewing and give back what is left."""
        self._stop.set()
        self._thread.join(timeout=5)
        for source in list(self._terms):
            self.release(source)

    def acquire(self, source: str) -> bool:
        """Take the lease of `source` if nobody has it.

        Raises:
            RedisError: Redis does not answer, or refuses.
        """
        sent_s = time.monotonic()
        if not self._redis.set(keys.lease(source), self._token, nx=True, px=round(self._ttl_s * 1000)):
            return False
        with self._lock:
            self._terms[source] = Term(sent_s, self._ttl_s)
        return True

    def hold(self, source: str) -> Hold:
        """What is known of our lease on `source`."""
        term = self._terms.get(source)
        return term.hold(time.monotonic()) if term else Hold.LOST

    def release(self, source: str) -> None:
        """Give a lease back. If Redis is away it expires by itself."""
        with self._lock:
            term = self._terms.pop(source, None)
        if term is None or term.lost:
            return
        try:
            self._release(keys=[keys.lease(source)], args=[self._token])
        except RedisError as error:
            log.debug("the lease of %s is left to expire: %s", source, error)

    def renew(self) -> None:
        """Renew whatever is due.

        Raises:
            RedisError: Redis does not answer, or refuses.
        """
        for source, term in list(self._terms.items()):
            sent_s = time.monotonic()
            if not term.due(sent_s):
                continue
            ours = self._renew(keys=[keys.lease(source)], args=[self._token, round(self._ttl_s * 1000)])
            with self._lock:
                if source in self._terms:
                    self._terms[source] = Term(sent_s if ours else term.renewed_s, self._ttl_s, lost=not ours)
                elif ours:
                    # Released while the answer was on its way: it must not come back to life.
                    self._release(keys=[keys.lease(source)], args=[self._token])
            if not ours:
                log.warning("%s is read by another process now", source)

    def _run(self) -> None:
        while not self._stop.wait(self._ttl_s / 10):
            try:
                self.renew()
            except RedisError as error:
                log.debug("leases not renewed: %s", error)
