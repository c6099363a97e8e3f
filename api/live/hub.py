"""The hub: one subscription to every source's live channel, fanned out to the viewers of this process.

A Redis connection per viewer costs memory and a wake-up each; one for all costs a dictionary look-up. The hub never
waits for a viewer. It signals viewers when Redis becomes unreachable, and when the subscription is restored: they then
read the log from where they are, because pub/sub keeps nothing.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis.exceptions import ConnectionError

from api.live.viewer import Live, Signal, Viewer
from wire import audience, keys
from wire.bus import Redis, RedisError
from wire.messages import Status

log = logging.getLogger(__name__)

_PREFIX = keys.live("")

#: Redis is considered unreachable when it has sent nothing for this long, not even a pong, in seconds.
SILENCE_S = 10.0

#: Longest pause between attempts to subscribe again, in seconds.
RETRY_CAP_S = 2.0


class Hub:
    """Fan-out of live messages.

    Args:
        redis: a client of its own, which does not retry for long.
        queue_limit: most messages that wait for one viewer.
        on_missed: called with the number of captions that a viewer has just missed.
    """

    def __init__(self, redis: Redis, *, queue_limit: int, on_missed: Callable[[int], object] = lambda _: None) -> None:
        self._redis = redis
        self._queue_limit = queue_limit
        self._on_missed = on_missed
        self._viewers: dict[str, set[Viewer]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)

    @property
    def closing(self) -> bool:
        """Whether the server is stopping."""
        return self._closing.is_set()

    def start(self) -> None:
        """Subscribe, on a separate thread."""
        self._thread.start()

    def close(self) -> None:
        """Close every viewer and stop."""
        self._closing.set()
        self._signal_all(Signal.CLOSED)

    @contextmanager
    def watch(self, source: str) -> Iterator[Viewer]:
        """A viewer of `source`, which gets every message from now on."""
        viewer = Viewer(source, self._queue_limit)
        with self._lock:
            self._viewers.setdefault(source, set()).add(viewer)
        if self._closing.is_set():
            viewer.signal(Signal.CLOSED)
        elif not self._connected.is_set():
            viewer.signal(Signal.INTERRUPTED)
        try:
            yield viewer
        finally:
            with self._lock:
                watchers = self._viewers[source]
                watchers.discard(viewer)
                if not watchers:
                    del self._viewers[source]

    def dispatch(self, channel: bytes, data: bytes) -> None:
        """Pass a published message to the viewers of its source."""
        source = channel.decode(errors="replace").removeprefix(_PREFIX)
        with self._lock:
            watchers = tuple(self._viewers.get(source, ()))
        if not watchers:
            return
        try:
            message = parse(data)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            log.warning("not a live message on %s: %s", source, error)
            return
        missed = sum(viewer.offer(message) for viewer in watchers)
        if missed:
            self._on_missed(missed)

    def _run(self) -> None:
        pause_s = 0.05
        while not self._closing.is_set():
            try:
                self._listen()
            except RedisError as error:
                if self._connected.is_set():
                    log.warning("the live subscription is lost: %s", error)
                    pause_s = 0.05
            except Exception:  # whatever it is: without this thread no viewer would get another caption
                log.exception("the live subscription failed; trying again")
            if self._connected.is_set():
                self._connected.clear()
                self._signal_all(Signal.INTERRUPTED)
            self._closing.wait(pause_s)
            pause_s = min(RETRY_CAP_S, pause_s * 2)

    def _listen(self) -> None:
        with self._redis.pubsub() as pubsub:  # type: ignore[no-untyped-call]
            pubsub.psubscribe(keys.LIVE_PATTERN)
            received_s, pinged, registered_s = time.monotonic(), False, 0.0
            while not self._closing.is_set():
                if time.monotonic() - registered_s > audience.REGISTER_EVERY_S:
                    registered_s = time.monotonic()
                    self._register_viewers()
                message: dict[str, Any] | None = pubsub.get_message(timeout=1.0)
                if message is None:
                    silent_s = time.monotonic() - received_s
                    if silent_s > SILENCE_S:
                        raise ConnectionError(f"silent for {silent_s:.0f} s")
                    if silent_s > SILENCE_S / 2 and not pinged:
                        pubsub.ping()
                        pinged = True
                    continue
                received_s, pinged = time.monotonic(), False
                if message["type"] == "pmessage":
                    self.dispatch(message["channel"], message["data"])
                elif message["type"] == "psubscribe":  # at first, and whenever redis-py has reconnected on its own
                    self._connected.set()
                    self._signal_all(Signal.RESUMED)

    def _register_viewers(self) -> None:
        with self._lock:
            sources = list(self._viewers)
        try:
            audience.register_viewers(self._redis, sources)
        except RedisError as error:  # Redis may refuse writes and still publish; if it is unreachable, the loop notices
            log.debug("cannot register which sources have viewers: %s", error)

    def _signal_all(self, signal: Signal) -> None:
        with self._lock:
            viewers = [viewer for watchers in self._viewers.values() for viewer in watchers]
        for viewer in viewers:
            viewer.signal(signal)


def parse(data: bytes) -> Live:
    """Decode a published message, with the fields that decide how viewers get it."""
    text = data.decode()
    values = json.loads(text)
    kind = str(values.get("type", ""))
    if kind != "caption":
        return Live(text, kind, status=Status.from_dict(values) if kind == Status.type else None)
    if values.get("partial"):
        return Live(text, kind, after=int(values["event"]))
    # A correction concerns a caption that was shown before: it has no latency.
    captured_s = 0.0 if values.get("corrected") else float(values.get("captured_s") or 0.0)
    return Live(text, kind, event=int(values["event"]), captured_s=captured_s)
