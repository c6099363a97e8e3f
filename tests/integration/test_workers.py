"""Heartbeats of workers on a real Redis."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import pytest

from demo.services import new_workers
from wire import keys
from wire.bus import Redis
from wire.shared_clock import SharedClock
from wire.workers import Worker, alive


def test_two_workers_do_not_keep_one_name(redis: Redis, wait_until: Callable[..., None]) -> None:
    with Worker(redis, "ingest", lambda: b"first") as first:
        redis.delete(keys.worker(first.name))  # as if it had expired during an outage of Redis
        with Worker(redis, "ingest", lambda: b"second"):
            wait_until(lambda: sorted(alive(redis).values()) == [b"first", b"second"])
            assert set(alive(redis)) == {"ingest-0", "ingest-1"}
    assert alive(redis) == {}


def test_worker_on_a_machine_with_a_wrong_clock_uses_that_of_redis(redis: Redis) -> None:
    worker = Worker(redis, "transcriber", lambda: b"")
    worker.clock = SharedClock(lambda: time.time() - 300)
    with worker:
        assert abs(worker.clock() - time.time()) < 60


def test_start_waits_for_new_workers_beside_earlier_ones(redis: Redis) -> None:
    with Worker(redis, "transcriber", lambda: b""), Worker(redis, "ingest", lambda: b""):
        ready = new_workers(redis, "transcriber", 2)
        assert not ready()
        with Worker(redis, "transcriber", lambda: b""), Worker(redis, "ingest", lambda: b""):
            assert not ready()
            with Worker(redis, "transcriber", lambda: b""):
                assert ready()


def test_start_does_not_take_a_killed_worker_for_its_successor(redis: Redis) -> None:
    Worker(redis, "transcriber", lambda: b"")  # it ended without a word, so its heartbeat has not expired yet
    ready = new_workers(redis, "transcriber", 1)
    assert not ready()
    redis.delete(keys.worker("transcriber-0"))
    with Worker(redis, "transcriber", lambda: b"") as successor:
        assert successor.name == "transcriber-0"
        assert ready()


def test_worker_that_is_stopped_while_it_begins_leaves_no_heartbeat(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(redis, "decoder", lambda: b"")
    monkeypatch.setattr(threading.Thread, "start", lambda _: sys.exit(0))  # a signal arrives after the first heartbeat
    with pytest.raises(SystemExit), worker:
        pass
    assert alive(redis) == {}
