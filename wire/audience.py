"""The audience of sources: which have viewers of their captions now, and which stations have listeners.

The API registers viewers and listeners; ingest sends partial chunks (`Chunk.partial`) of sources with viewers, and
segments of stations with listeners (`broadcast`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wire import keys
from wire.bus import Redis

#: Interval at which viewers are registered, and how long a registration lasts, in seconds.
REGISTER_EVERY_S, VIEWER_TTL_S = 2.0, 7

#: How long the registration of a listener lasts, in seconds: players reload the playlist every few seconds.
LISTENER_TTL_S = 30


def register_viewers(redis: Redis, sources: Iterable[str]) -> None:
    """Register that the captions of these sources have viewers."""
    pipe = redis.pipeline(transaction=False)
    for source in sources:
        pipe.set(keys.watched(source), b"1", ex=VIEWER_TTL_S)
    pipe.execute()


def register_listener(redis: Redis, source: str) -> bool:
    """Register that a station has a listener; return whether it already had one."""
    return redis.set(keys.listened(source), b"1", ex=LISTENER_TTL_S, get=True) is not None


def with_viewers(redis: Redis, sources: Sequence[str]) -> frozenset[str]:
    """The subset of `sources` whose captions have viewers."""
    return _registered(redis, sources, keys.watched)


def with_listeners(redis: Redis, sources: Sequence[str]) -> frozenset[str]:
    """The subset of `sources` that have listeners."""
    return _registered(redis, sources, keys.listened)


def _registered(redis: Redis, sources: Sequence[str], key: Callable[[str], str]) -> frozenset[str]:
    if not sources:
        return frozenset()
    values: Any = redis.mget([key(source) for source in sources])
    return frozenset(source for source, value in zip(sources, values, strict=True) if value)
