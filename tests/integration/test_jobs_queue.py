"""The queue of uploads on a real Redis, and on one whose answer is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from wire import jobs
from wire.bus import Redis, connect
from wire.errors import QueueFull


@contextmanager
def losing_an_answer(url: str, command: bytes) -> Iterator[str]:
    """The address of a Redis on the way to which the first answer to `command` is lost, and its connection with it."""
    redis, lost = urlsplit(url), threading.Event()

    def carry(client: socket.socket) -> None:
        """One question and its answer after another, as a client without threads asks them."""
        with client, socket.create_connection((redis.hostname or "", redis.port or 0)) as server:
            while question := client.recv(64 * 1024):
                server.sendall(question)
                answer = server.recv(64 * 1024)
                if command in question and not lost.is_set():
                    lost.set()
                    return
                client.sendall(answer)

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=carry, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}{redis.path}"
        listener.shutdown(socket.SHUT_RDWR)
    assert lost.is_set()


def test_an_upload_whose_place_was_not_acknowledged_keeps_it(redis: Redis, redis_url: str) -> None:
    with losing_an_answer(redis_url, b"\r\nEXEC\r\n") as url, connect(url) as client:
        jobs.enqueue_decode(client, "last", timeout_s=60, limit=1)
    assert jobs.queue(jobs.UPLOADS, redis).job_ids == ["decode-last"]


def test_one_more_than_may_wait_is_refused(redis: Redis) -> None:
    jobs.enqueue_decode(redis, "first", timeout_s=60, limit=1)
    with pytest.raises(QueueFull, match="MAX_JOBS_WAITING"):
        jobs.enqueue_decode(redis, "second", timeout_s=60, limit=1)
    assert jobs.queue(jobs.UPLOADS, redis).job_ids == ["decode-first"]


def test_who_waits_knows_how_many_come_before(redis: Redis) -> None:
    for id in ("first", "second", "third"):
        jobs.enqueue_decode(redis, id, timeout_s=60)
    assert [jobs.decodes_before(redis, id) for id in ("first", "second", "third")] == [0, 1, 2]
    jobs.cancel_decode(redis, "first")
    assert jobs.decodes_before(redis, "third") == 1
    assert jobs.decodes_before(redis, "first") == 0, "it does not wait"


def test_one_that_ends_while_it_is_cancelled_is_left_to_its_worker(redis: Redis) -> None:
    jobs.enqueue_decode(redis, "first", timeout_s=60)
    redis.zadd("rq:executions:decode-first", {"gone": 2e9})  # as between RQ's reading of the list and of its entries
    jobs.cancel_decode(redis, "first")
