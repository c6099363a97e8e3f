"""OpenAI's API while a request waits: disconnecting clients, a stopping server, an outage of Redis."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from werkzeug.test import EnvironBuilder

from api.app import create_app
from api.settings import Settings
from tests.integration.api_server import Api, running
from tests.integration.openai_caller import TRANSCRIPTIONS, Caller, error
from tests.redis_server import running_redis
from wire import jobs as queue
from wire.bus import Redis, connect
from wire.messages import State
from wire.sources import Jobs


@pytest.mark.parametrize("stream", ["false", "true"])
def test_disconnected_client_cancels_its_job(
    api: Api, redis: Redis, caller: Caller, wait_until: Callable[..., None], stream: str
) -> None:
    request = httpx.Request(
        "POST", f"{api.url}{TRANSCRIPTIONS}", files={"file": ("a.mp3", b"x")}, data={"stream": stream}
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(f"POST {TRANSCRIPTIONS} HTTP/1.1\r\n{head}\r\n".encode() + request.read())
        job = caller.job()
    wait_until(lambda: Jobs(redis).get(job.id).state is State.CANCELLED)
    wait_until(lambda: not (api.folder / "var" / job.path).exists())
    assert queue.waiting_decodes(redis) == 0


def test_client_that_disconnects_before_the_stream_cancels_its_job(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    app = create_app(Settings(redis_url=redis_url, data_dir=str(tmp_path)))
    form = {"file": (BytesIO(b"x"), "a.mp3"), "stream": "true"}
    environ = EnvironBuilder(TRANSCRIPTIONS, method="POST", data=form).get_environ()

    def write(data: bytes) -> None:
        raise BrokenPipeError

    list(app(environ, lambda status, headers, error=None: write))
    [job], _ = Jobs(redis).page(2)
    assert job.state is State.CANCELLED
    assert queue.waiting_decodes(redis) == 0


def test_stopping_server_leaves_the_job(
    redis_url: str,
    redis: Redis,
    free_port: Callable[[], int],
    tmp_path: Path,
    calls: ThreadPoolExecutor,
    wait_until: Callable[..., None],
) -> None:
    with running(redis_url, free_port(), tmp_path) as api:
        job, answer = Caller(api, redis, calls, wait_until).send()
        api.process.send_signal(signal.SIGTERM)
        assert f"/jobs/{job.id}" in error(answer.result(), 503)["message"]
    assert Jobs(redis).get(job.id).state is State.WAITING


def test_request_survives_a_redis_outage(
    free_port: Callable[[], int], tmp_path: Path, calls: ThreadPoolExecutor, wait_until: Callable[..., None]
) -> None:
    port = free_port()
    with ExitStack() as stack:
        with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
            api = stack.enter_context(running(url, free_port(), tmp_path))
            job, answer = Caller(api, redis, calls, wait_until).send()
        wait_until(lambda: "Redis does not answer" in api.log())
        with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
            Caller(api, redis, calls, wait_until).caption(job)
            assert answer.result().json()["text"] == "God kväll. R&D."
