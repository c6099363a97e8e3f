"""Which sources somebody reads along with now, and to which stations somebody listens.

The API says so, and ingest has what is read heard ahead (`Chunk.partial`), and hands out what is listened to
(`broadcast`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wire import keys
from wire.bus import Redis

#: So often it is said that somebody reads, and so long it holds, in seconds.
SAY_EVERY_S, HOLDS_S = 2.0, 7

#: So long it holds that somebody listens, in seconds: players ask for the list again every few.
LISTENS_S = 30


def say(redis: Redis, sources: Iterable[str]) -> None:
    """Somebody reads along with these."""
    pipe = redis.pipeline(transaction=False)
    for source in sources:
        pipe.set(keys.watched(source), b"1", ex=HOLDS_S)
    pipe.execute()


def say_listened(redis: Redis, source: str) -> bool:
    """Somebody listens to this one; whether somebody did before."""
    return redis.set(keys.listened(source), b"1", ex=LISTENS_S, get=True) is not None


def among(redis: Redis, sources: Sequence[str], *, key: Callable[[str], str] = keys.watched) -> frozenset[str]:
    """Those of some sources with which somebody reads along; or listens to (`keys.listened`)."""
    if not sources:
        return frozenset()
    said: Any = redis.mget([key(source) for source in sources])
    return frozenset(source for source, watched in zip(sources, said, strict=True) if watched)
