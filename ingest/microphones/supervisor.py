"""Takes announced microphones and starts a reader for each.

Each has its own threads, up to a limit; further ones wait in Redis for this process or another. Each is leased, so that
another process, or the restarted one, takes over the microphones of a process that dies.
"""

from __future__ import annotations

import contextlib
import logging
import time

from ingest.context import Context
from ingest.live.lease import Leases
from ingest.microphones.reader import GRACE_S, MicrophoneReader
from wire.bus import RedisError
from wire.errors import DecodeError
from wire.messages import Hello, Kind, source_name
from wire.microphone import Microphones
from wire.queue import ChunkQueue

log = logging.getLogger(__name__)

#: Interval between checks for microphones that a dead process has left, in seconds.
POLL_EVERY_S = 2.0


class MicrophoneSupervisor:
    """Takes announced microphones and starts a reader for each."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._microphones = Microphones(context.redis)
        self._leases = Leases(context.redis, context.worker, ttl_s=context.settings.lease_s)
        self._readers: dict[str, MicrophoneReader] = {}
        self._queue = ChunkQueue(context.redis)
        self._partials_ignored = False  # no transcriber takes partial chunks
        self._polled_s = 0.0

    def run(self) -> None:
        """Take microphones until the process should stop; another one continues those that are open."""
        stopping = self._context.stopping
        self._leases.start()
        while not stopping.is_set():
            self._reap()
            with contextlib.suppress(RedisError):
                self._partials_ignored = self._queue.partials_ignored()
            self._context.metrics.running.labels(Kind.MICROPHONE).set(len(self._readers))
            free = self._context.settings.max_microphones - len(self._readers)
            if free <= 0:
                self._make_room()
                stopping.wait(0.5)
                continue
            for hello in self._next()[:free]:
                self._take(hello)
        until_s = time.monotonic() + 5.0
        for reader in self._readers.values():
            reader.join(max(0.1, until_s - time.monotonic()))
        self._leases.stop()

    def _reap(self) -> None:
        for id, reader in list(self._readers.items()):
            if not reader.alive:
                del self._readers[id]
                self._leases.release(source_name(Kind.MICROPHONE, id))

    def _make_room(self) -> None:
        """Make as many disconnected microphones give way as others are waiting, the longest disconnected first."""
        readers = self._readers.values()
        disconnected = [reader for reader in readers if reader.disconnected_s > GRACE_S and not reader.leaving]
        disconnected.sort(key=lambda reader: reader.disconnected_s, reverse=True)
        if not disconnected:
            return
        try:
            needed = self._microphones.waiting() - sum(reader.leaving for reader in readers)
        except RedisError as error:  # the number of waiting ones is unknown
            log.debug("no microphone gives way: %s", error)
            return
        for reader in disconnected[: max(0, needed)]:
            reader.give_way()

    def _next(self) -> list[Hello]:
        """Microphones without a reader: those that a dead process has left, else one that has just opened."""
        try:
            if time.monotonic() - self._polled_s > POLL_EVERY_S:
                self._polled_s = time.monotonic()
                if left := self._microphones.abandoned():
                    return left
            hello = self._microphones.next(1.0)
            return [hello] if hello else []
        except RedisError:
            self._context.stopping.wait(1.0)
        except DecodeError as error:
            log.warning("invalid announcement of a microphone: %s", error)
        return []

    def _take(self, hello: Hello) -> None:
        source = source_name(Kind.MICROPHONE, hello.id)
        if hello.id in self._readers:
            return
        try:
            if not self._leases.acquire(source):
                return
        except RedisError as error:  # it is recorded, so the next check finds it
            log.debug("microphone %s was not taken yet: %s", hello.id, error)
            return
        self._readers[hello.id] = reader = MicrophoneReader(
            self._context,
            hello,
            hold=lambda: self._leases.hold(source),
            partials_wanted=lambda: not self._partials_ignored,
        )
        reader.start()
