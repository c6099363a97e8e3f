"""Leases: which ingest process reads a station. Several processes share the stations, and a dead one's are taken over.

A lease is a key with a time to live that holds its owner's token (SET NX PX). Only the owner renews or deletes it, with
scripts that compare the token. Expiry is reckoned on our monotonic clock from before the request was sent, so we never
consider a lease valid for longer than Redis does.

The token prevents two readers from renewing the same key. The epoch makes late writes harmless: every connection gets a
higher one, and data of a lower epoch is recognised as old.

redis-py's Lock would do for one lease; it supports neither the case "Redis is unavailable, so no other process can take
it" nor renewing many leases together.
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

#: A lease is renewed after this fraction of its time.
RENEW_AFTER = 1 / 3

# Renews our lease, or takes it again if it expired (Redis was unavailable, or lost its data); returns 1 if it is ours.
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
    """The state of a lease, as known to its owner."""

    HELD = auto()  # it is ours, no other process can have it
    UNSURE = auto()  # it has expired and Redis has not responded: keep reading, send nothing
    LOST = auto()  # another process has it: stop


@dataclass(frozen=True, slots=True)
class Term:
    """The term of a lease; pure arithmetic."""

    renewed_s: float  # when the last successful request was sent
    ttl_s: float
    lost: bool = False

    def hold(self, now_s: float) -> Hold:
        """State at `now_s`."""
        if self.lost:
            return Hold.LOST
        return Hold.HELD if now_s < self.renewed_s + self.ttl_s else Hold.UNSURE

    def due(self, now_s: float) -> bool:
        """Whether it is time to renew."""
        return not self.lost and now_s >= self.renewed_s + self.ttl_s * RENEW_AFTER


class Leases:
    """The leases of one process, renewed on a separate thread.

    Args:
        owner: name of this process, for humans who inspect Redis.
        ttl_s: time after which a dead owner's lease can be taken.
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
        """Start renewing."""
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing and release all leases."""
        self._stop.set()
        self._thread.join(timeout=5)
        for source in list(self._terms):
            self.release(source)

    def acquire(self, source: str) -> bool:
        """Take the lease of `source` if it is free.

        Raises:
            RedisError: Redis does not respond, or refuses.
        """
        sent_s = time.monotonic()
        if not self._redis.set(keys.lease(source), self._token, nx=True, px=round(self._ttl_s * 1000)):
            return False
        with self._lock:
            self._terms[source] = Term(sent_s, self._ttl_s)
        return True

    def hold(self, source: str) -> Hold:
        """State of our lease on `source`."""
        term = self._terms.get(source)
        return term.hold(time.monotonic()) if term else Hold.LOST

    def release(self, source: str) -> None:
        """Release a lease. If Redis is unavailable, it expires instead."""
        with self._lock:
            term = self._terms.pop(source, None)
        if term is None or term.lost:
            return
        try:
            self._release(keys=[keys.lease(source)], args=[self._token])
        except RedisError as error:
            log.debug("the lease of %s was not released and will expire: %s", source, error)

    def renew(self) -> None:
        """Renew all leases that are due.

        Raises:
            RedisError: Redis does not respond, or refuses.
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
                    # Released while the request was in flight, which must not revive it.
                    self._release(keys=[keys.lease(source)], args=[self._token])
            if not ours:
                log.warning("%s is now read by another process", source)

    def _run(self) -> None:
        while not self._stop.wait(self._ttl_s / 10):
            try:
                self.renew()
            except RedisError as error:
                log.debug("leases not renewed: %s", error)
