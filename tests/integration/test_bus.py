"""The errors of a real Redis that refuses writes for now are in `UNAVAILABLE`, so callers can wait."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from tests.redis_server import running_redis
from wire.bus import UNAVAILABLE, Redis, connect, transaction


@contextlib.contextmanager
def full_disk(redis: Redis, folder: Path, wait_until: Callable[..., None]) -> Iterator[None]:
    """A Redis that refuses writes because it cannot save its file."""

    def saved() -> str:
        return str(redis.info("persistence")["rdb_last_bgsave_status"])  # type: ignore[index]

    redis.config_set("save", "3600 1")
    shutil.rmtree(folder)
    redis.bgsave()
    wait_until(lambda: saved() == "err")
    yield
    redis.config_set("save", "")


@contextlib.contextmanager
def without_replicas(redis: Redis, folder: Path, wait_until: Callable[..., None]) -> Iterator[None]:
    redis.config_set("min-replicas-to-write", 1)
    yield
    redis.config_set("min-replicas-to-write", 0)


@contextlib.contextmanager
def full_memory(redis: Redis, folder: Path, wait_until: Callable[..., None]) -> Iterator[None]:
    redis.config_set("maxmemory", 1)
    yield
    redis.config_set("maxmemory", 0)


@pytest.mark.parametrize("refuses", [full_disk, without_replicas, full_memory])
def test_errors_of_a_redis_that_refuses_writes_count_as_unavailable(
    refuses: Callable[..., contextlib.AbstractContextManager[None]],
    tmp_path: Path,
    free_port: Callable[[], int],
    wait_until: Callable[..., None],
) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    with running_redis(folder, free_port()) as url, connect(url, patience_s=0.1) as redis:
        with refuses(redis, folder, wait_until):
            with pytest.raises(UNAVAILABLE):
                redis.set("key", "value")
            with pytest.raises(UNAVAILABLE):
                transaction(redis, lambda pipe: (pipe.multi(), pipe.set("key", "value")), "key")
            with pytest.raises(UNAVAILABLE):
                redis.eval("return redis.call('SET', KEYS[1], 'value')", 1, "key")
        assert redis.set("key", "value")


def test_transaction_aborted_by_a_redis_that_has_just_become_full_counts_as_unavailable(redis: Redis) -> None:
    connection = redis.connection_pool.get_connection()
    try:
        for command in (("MULTI",), ("SET", "key", "value")):
            connection.send_command(*command)
            connection.read_response()
        redis.config_set("maxmemory", 1)
        connection.send_command("EXEC")
        with pytest.raises(UNAVAILABLE, match="OOM"):
            connection.read_response()
    finally:
        redis.config_set("maxmemory", 0)
        connection.disconnect()
        redis.connection_pool.release(connection)


def test_other_errors_of_scripts_do_not_count_as_unavailable(redis: Redis) -> None:
    with pytest.raises(ResponseError, match="WRONGTYPE") as error:
        redis.eval("redis.call('SET', KEYS[1], 'x') return redis.call('LPUSH', KEYS[1], 'x')", 1, "key")
    assert not isinstance(error.value, UNAVAILABLE)
