"""The live sockets of a server that stops, and of one whose Redis is unreachable or hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.integration.api_server import Speaker, running
from tests.redis_server import running_redis
from wire.bus import connect
from wire.messages import Station
from wire.sources import Stations


def test_stopping_server_closes_sockets_soon(redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    Stations(connect(redis_url)).add(Station("p1", "P1", "http://127.0.0.1/p1"))
    with running(redis_url, free_port(), tmp_path) as api, api.socket("/stations/p1/live") as viewer:
        viewer.next("status")
        api.process.terminate()
        assert viewer.closed() == 1001
        assert api.process.wait(timeout=10) == 0


def test_viewers_miss_nothing_when_redis_restarts(free_port: Callable[[], int], tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
            Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1"))
            api = stack.enter_context(running(url, free_port(), tmp_path))
            viewer = stack.enter_context(api.socket("/stations/p1/live?after=0"))
            speaker = Speaker(connect(url, patience_s=10), "stations/p1")
            speaker.say()
            messages = viewer.until(lambda m: m["type"] == "caption")
        messages += viewer.until(lambda m: m["type"] == "interrupted")
        answer = api.http.get("/stations")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert api.http.get("/healthz").status_code == 200
        assert api.http.get("/metrics").status_code == 200
        with running_redis(tmp_path, port, keeps=True):
            for _ in range(20):  # some before the subscription is restored, some after
                speaker.say()
            messages += viewer.until(lambda m: m["type"] == "caption" and m["event"] == 21)
        captions = [message["event"] for message in messages if message["type"] == "caption"]
        assert captions == list(range(1, 22))


def test_hanging_redis_is_a_503_within_seconds(free_port: Callable[[], int], tmp_path: Path) -> None:
    with (
        running_redis(tmp_path, free_port()) as url,
        connect(url) as redis,
        running(url, free_port(), tmp_path, REDIS_TIMEOUT_S=0.5) as api,
    ):
        assert api.http.get("/stations").status_code == 200
        server = redis.info("server")["process_id"]
        os.kill(server, signal.SIGSTOP)
        try:
            answer = httpx.get(f"{api.url}/stations", timeout=10)
        finally:
            os.kill(server, signal.SIGCONT)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
