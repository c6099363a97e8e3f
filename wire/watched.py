"""The sources whose captions are watched now, and the stations that are listened to.

The API registers viewers and listeners; ingest sends partial chunks (`Chunk.partial`) of watched sources, and segments
of stations with listeners (`broadcast`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wire import keys
from wire.bus import Redis

#: Interval at which viewers are registered, and how long a registration lasts, in seconds.
SAY_EVERY_S, HOLDS_S = 2.0, 7

#: How long the registration of a listener lasts, in seconds: players reload the playlist every few seconds.
LISTENS_S = 30


def say(redis: Redis, sources: Iterable[str]) -> None:
    """Register that somebody watches the captions of these sources."""
    pipe = redis.pipeline(transaction=False)
    for source in sources:
        pipe.set(keys.watched(source), b"1", ex=HOLDS_S)
    pipe.execute()


def say_listened(redis: Redis, source: str) -> bool:
    """Register that somebody listens to a station; return whether it already had a listener."""
    return redis.set(keys.listened(source), b"1", ex=LISTENS_S, get=True) is not None


def among(redis: Redis, sources: Sequence[str], *, key: Callable[[str], str] = keys.watched) -> frozenset[str]:
    """The subset of `sources` that somebody watches, or listens to (`keys.listened`)."""
    if not sources:
        return frozenset()
    values: Any = redis.mget([key(source) for source in sources])
    return frozenset(source for source, value in zip(sources, values, strict=True) if value)
