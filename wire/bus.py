"""The connection to Redis: time-outs on everything, and patience when Redis is away for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import redis
from redis._parsers.base import BaseParser
from redis.backoff import EqualJitterBackoff
from redis.client import Pipeline
from redis.exceptions import (
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

Redis: TypeAlias = redis.Redis
T = TypeVar("T")


class WritesRefused(ResponseError):
    """Redis cannot keep what it is told: its disk is full, or it has lost the replicas that it is to have.

    No ConnectionError, which it resembles: of one within a transaction redis-py makes a WatchError, and tries for ever.
    """


# redis-py tells these apart from mistakes of ours by their text alone.
BaseParser.EXCEPTION_CLASSES |= {"MISCONF": WritesRefused, "NOREPLICAS": WritesRefused}

#: What a Redis raises that is away, full, or just changing its master; callers that may wait catch these and try again.
AWAY = (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, WritesRefused)

__all__ = ["AWAY", "Redis", "RedisError", "connect", "transaction"]


def connect(url: str, *, patience_s: float = 2.0, timeout_s: float = 30.0, connections: int | None = None) -> Redis:
    """A client for `url` that answers bytes.

    A command that meets a lost connection is sent again for about `patience_s` seconds before it raises one of
    `AWAY`. Everything we send may be sent twice: chunks carry their place in the sequence, and a commit that has
    happened already changes nothing.

    Args:
        url: such as `redis://127.0.0.1:6379/0`.
        patience_s: how long one command goes on trying.
        timeout_s: how long one attempt waits for an answer; it must be longer than any blocking read.
        connections: most of them at once; whoever finds none free waits. None: as many as there are threads that ask.
    """
    cap_s = 1.0
    retries = max(1, round(patience_s / (cap_s / 2)))
    shared: dict[str, Any] = {"max_connections": connections, "timeout": 2 * timeout_s} if connections else {}
    pool = redis.BlockingConnectionPool if connections else redis.ConnectionPool
    made = pool.from_url(
        url,
        **shared,
        socket_connect_timeout=min(5.0, timeout_s),
        socket_timeout=timeout_s,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(EqualJitterBackoff(cap=cap_s, base=0.05), retries),
        retry_on_error=[ConnectionError, TimeoutError],
    )
    return redis.Redis.from_pool(made)


def transaction(client: Redis, attempt: Callable[[Pipeline], T], *keys: str) -> T:
    """What `attempt` makes of keys while they are watched; made anew if another was faster, or the connection broke.

    redis-py's own, whose types do not tell what a callable returns.

    Args:
        attempt: reads through the pipeline, which answers at once, then calls `multi` and writes. It is called again,
            too, where its writes were done and the answer was lost.
        keys: what is watched.
    """
    run: Any = client.transaction
    found: T = run(attempt, *keys, value_from_callable=True)
    return found
