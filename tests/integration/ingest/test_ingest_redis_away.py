"""Whole ingest processes outlive a Redis that restarts, loses everything or hangs."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.ingest.fixture_types import Start, Wait
from tests.integration.ingest.process_tree import children, running
from tests.integration.ingest.radio import Icecast, audio_of
from wire import keys
from wire.messages import Chunk, Content, Station
from wire.sources import Stations
from wire.workers import alive


@pytest.fixture
def own_redis(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """`own_redis()` starts a Redis that keeps its data over a restart; always on the same port."""
    port, folder = free_port(), tmp_path / "redis"
    folder.mkdir()
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        process = subprocess.Popen([*command, "--save", "", "--appendonly", "yes"], stdout=subprocess.DEVNULL)
        started.append(process)
        return process

    start.url = f"redis://127.0.0.1:{port}/0"  # type: ignore[attr-defined]
    yield start
    for process in started:
        process.kill()
        process.wait()


def test_no_audio_is_lost_while_redis_restarts(
    icecast: Icecast, own_redis: Any, ingest: Start, wait_until: Wait
) -> None:
    server = own_redis()
    client = redis.Redis.from_url(own_redis.url)

    def found() -> list[Chunk]:
        try:
            return [Chunk.decode(fields) for _, fields in client.xrange(keys.LIVE_CHUNKS)]
        except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
            return []

    wait_until(lambda: _answers(client))
    Stations(client).add(Station("noise", "Noise", icecast.send("noise", source="anoisesrc=amplitude=0.3")))
    ingest(own_redis.url, LEASE_S="2", VAD="off")
    wait_until(lambda: len(found()) >= 3, 40)
    server.terminate()
    server.wait()
    gone_s = time.monotonic()
    wait_until(lambda: time.monotonic() - gone_s > 8, 10, "longer than a lease")
    own_redis()
    wait_until(lambda: len(found()) >= 15, 40)

    chunks = found()
    assert {chunk.epoch for chunk in chunks} == {1}
    assert list(dict.fromkeys(chunk.seq for chunk in chunks)) == list(range(chunks[-1].seq + 1))
    assert {chunk.content for chunk in chunks} == {Content.SPEECH}
    assert len(audio_of(chunks[:10])) == 10 * 16_000
    client.close()


@pytest.mark.long
def test_a_redis_that_lost_everything_is_filled_again(
    icecast: Icecast, redis_url: str, redis_client: Any, ingest: Start, tmp_path: Path, wait_until: Wait
) -> None:
    seeds = tmp_path / "stations.yml"
    seeds.write_text(f"stations:\n- {{id: tone, url: '{icecast.send('lost')}'}}\n")
    ingest(redis_url, STATIONS_FILE=str(seeds))
    wait_until(lambda: redis_client.xlen(keys.LIVE_CHUNKS) >= 2, 40)
    redis_client.flushall()
    wait_until(lambda: [s.id for s in Stations(redis_client).all()] == ["tone"], 20)
    wait_until(lambda: redis_client.xlen(keys.LIVE_CHUNKS) >= 2, 40)


@pytest.mark.long
def test_it_stops_though_redis_hangs(own_redis: Any, ingest: Start, wait_until: Wait) -> None:
    server = own_redis()
    client = redis.Redis.from_url(own_redis.url)
    wait_until(lambda: _answers(client))
    process = ingest(own_redis.url, UPLOAD_WORKERS="1")
    wait_until(lambda: len(alive(client)) == 2, 40)
    ours = children(process.pid)
    server.send_signal(signal.SIGSTOP)
    process.terminate()
    assert process.wait(timeout=30) == 0
    assert not any(running(pid) for pid in ours)
    client.close()


def _answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
