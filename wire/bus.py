"""The connection to Redis: time-outs on every command, and retries while Redis is unavailable for a moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import redis
from redis._parsers.base import BaseParser
from redis.backoff import EqualJitterBackoff
from redis.client import Pipeline
from redis.exceptions import (
    ConnectionError,
    ExecAbortError,
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
    """Redis refuses writes: its disk is full, or it has too few replicas.

    Not a ConnectionError, although it is as temporary: redis-py turns one within a transaction into a WatchError and
    retries forever.
    """


class _Unspecific(dict[str, Any]):
    """redis-py's classes of errors with the code ERR, by text; before Redis 7, these include any error in a script."""

    def get(self, text: str, default: Any = None) -> Any:
        refusal = re.search(r"@user_script: \d+: -(\w+) ", text)
        return BaseParser.EXCEPTION_CLASSES.get(refusal[1], default) if refusal else super().get(text, default)


_BY_TEXT: Any = BaseParser.EXCEPTION_CLASSES["ERR"]
# redis-py raises a plain ResponseError for these; only the text distinguishes them from programming errors.
BaseParser.EXCEPTION_CLASSES |= {
    "MISCONF": WritesRefused,
    "NOREPLICAS": WritesRefused,
    "ERR": _Unspecific(_BY_TEXT),
}

#: Errors of a Redis that is unavailable, full, or failing over; callers that can wait catch these and retry.
#: A transaction is aborted if Redis becomes full between its commands and their execution.
UNAVAILABLE = (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, WritesRefused, ExecAbortError)

__all__ = ["UNAVAILABLE", "Redis", "RedisError", "connect", "transaction"]


def connect(url: str, *, patience_s: float = 2.0, timeout_s: float = 30.0, connections: int | None = None) -> Redis:
    """A client for `url` that returns bytes.

    A command that fails because the connection was lost is retried for about `patience_s` seconds before it raises one
    of `UNAVAILABLE`. Every command may safely be sent twice: chunks carry their sequence number, and repeating a commit
    changes nothing.

    Args:
        url: such as `redis://127.0.0.1:6379/0`.
        patience_s: how long a command is retried.
        timeout_s: how long one attempt waits for a reply; it must be longer than any blocking read.
        connections: maximum number of connections; a thread that finds none free waits. None: one per thread that
            needs one.
    """
    cap_s = 1.0
    retries = max(1, round(patience_s / (cap_s / 2)))
    shared: dict[str, Any] = {"max_connections": connections, "timeout": 2 * timeout_s} if connections else {}
    pool = redis.BlockingConnectionPool if connections else redis.ConnectionPool
    connection_pool = pool.from_url(
        url,
        **shared,
        socket_connect_timeout=min(5.0, timeout_s),
        socket_timeout=timeout_s,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(EqualJitterBackoff(cap=cap_s, base=0.05), retries),
        retry_on_error=[ConnectionError, TimeoutError],
    )
    return redis.Redis.from_pool(connection_pool)


def transaction(client: Redis, attempt: Callable[[Pipeline], T], *keys: str) -> T:
    """Run `attempt` in a transaction that watches `keys`, and return its result.

    It is retried if another client changed a watched key, or if the connection was lost. A typed wrapper around
    redis-py's own `transaction`, whose types omit the callable's return value.

    Args:
        attempt: reads through the pipeline, which executes immediately, then calls `multi` and writes. It is also
            called again if its writes were executed and the reply was lost.
        keys: the watched keys.
    """
    run: Any = client.transaction
    result: T = run(attempt, *keys, value_from_callable=True)
    return result
