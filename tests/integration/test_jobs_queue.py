"""The queue of uploads on a real Redis, also with a lost reply."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from rq import Callback
from rq.queue import Queue
from rq.serializers import JSONSerializer

from ingest.recordings.decoder import DecodeWorker
from trainer.tuning.worker import work
from wire import jobs
from wire.bus import Redis, connect
from wire.errors import QueueFull


@contextmanager
def losing_an_answer(url: str, command: bytes) -> Iterator[str]:
    """URL of a proxy of Redis that drops the first reply to `command`, and its connection."""
    redis, lost = urlsplit(url), threading.Event()

    def carry(client: socket.socket) -> None:
        """Relay one command and its reply at a time, as sent by a client without threads."""
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


def test_upload_is_queued_once_if_the_reply_is_lost(redis: Redis, redis_url: str) -> None:
    with losing_an_answer(redis_url, b"\r\nEXEC\r\n") as url, connect(url) as client:
        jobs.enqueue_decode(client, "last", timeout_s=60, limit=1)
    assert jobs.queue(jobs.UPLOADS, redis).job_ids == ["decode-last"]


def test_upload_above_the_limit_is_refused(redis: Redis) -> None:
    jobs.enqueue_decode(redis, "first", timeout_s=60, limit=1)
    with pytest.raises(QueueFull, match="MAX_JOBS_WAITING"):
        jobs.enqueue_decode(redis, "second", timeout_s=60, limit=1)
    assert jobs.queue(jobs.UPLOADS, redis).job_ids == ["decode-first"]


def test_position_in_the_queue(redis: Redis) -> None:
    for id in ("first", "second", "third"):
        jobs.enqueue_decode(redis, id, timeout_s=60)
    assert [jobs.decodes_before(redis, id) for id in ("first", "second", "third")] == [0, 1, 2]
    jobs.cancel_decode(redis, "first")
    assert jobs.decodes_before(redis, "third") == 1
    assert jobs.decodes_before(redis, "first") == 0, "it is not waiting"


def test_cancelling_an_ending_job_is_harmless(redis: Redis) -> None:
    jobs.enqueue_decode(redis, "first", timeout_s=60)
    redis.zadd("rq:executions:decode-first", {"gone": 2e9})  # as between RQ's reads of the list and of its entries
    jobs.cancel_decode(redis, "first")


def decode(redis: Redis) -> None:
    worker = DecodeWorker([jobs.queue(jobs.UPLOADS, redis)], connection=redis, serializer=JSONSerializer)
    worker.work(burst=True)


def train(redis: Redis) -> None:
    work(redis, burst=True)


@pytest.mark.parametrize(
    ("name", "run", "function"),
    [
        (jobs.UPLOADS, decode, "os.mkdir"),
        (jobs.UPLOADS, decode, jobs.PERFORM),
        (jobs.TRIALS, train, "os.mkdir"),
        (jobs.TRIALS, train, jobs.DECODE),
    ],
)
def test_functions_other_than_that_of_the_queue_are_not_called(
    name: str, run: Callable[[Redis], None], function: str, redis: Redis, tmp_path: Path
) -> None:
    folder = tmp_path / "made"
    job = Queue(name, connection=redis, serializer=JSONSerializer).enqueue(function, str(folder))
    run(redis)
    job.refresh()
    result = job.latest_result()
    assert result is not None
    assert f"names {function}" in (result.exc_string or "")
    assert not folder.exists()


def test_callbacks_are_not_called(redis: Redis) -> None:
    uploads = Queue(jobs.UPLOADS, connection=redis, serializer=JSONSerializer)
    uploads.enqueue(jobs.DECODE, on_success=Callback("os.abort"), on_failure=Callback("os.abort"))
    [job] = jobs.queue(jobs.UPLOADS, redis).jobs
    assert job.success_callback is job.failure_callback is job.stopped_callback is None
