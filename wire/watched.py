"""Which sources somebody reads along with now: the API says so, and ingest has them heard ahead (`Chunk.partial`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wire import keys
from wire.bus import Redis

#: So often it is said, and so long it holds, in seconds.
SAY_EVERY_S, HOLDS_S = 2.0, 7


def say(redis: Redis, sources: Iterable[str]) -> None:
    """Somebody reads along with these."""
    pipe = redis.pipeline(transaction=False)
    for source in sources:
        pipe.set(keys.watched(source), b"1", ex=HOLDS_S)
    pipe.execute()


def among(redis: Redis, sources: Sequence[str]) -> frozenset[str]:
    """Those of some sources with which somebody reads along."""
    if not sources:
        return frozenset()
    said: Any = redis.mget([keys.watched(source) for source in sources])
    return frozenset(source for source, watched in zip(sources, said, strict=True) if watched)
