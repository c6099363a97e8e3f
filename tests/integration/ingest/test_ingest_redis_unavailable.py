"""Complete ingest processes survive a Redis that restarts, loses all data or hangs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.main import RESTART_S
from tests.integration.ingest.fixture_types import Start, Wait
from tests.integration.ingest.process_tree import children, running
from tests.integration.ingest.radio import Icecast, audio_of
from tests.redis_server import running_redis
from wire import keys
from wire.bus import connect
from wire.chunk import Chunk
from wire.messages import Content, Station
from wire.sources import Stations
from wire.workers import TTL_S, alive

Logged = Callable[[str], int]


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Logged:
    """`logged(words)` returns how often the processes have logged these so far."""
    said = ""

    def count(words: str) -> int:
        nonlocal said
        said += capfd.readouterr().err
        return said.count(words)

    return count


def test_no_audio_is_lost_while_redis_restarts(
    icecast: Icecast, free_port: Callable[[], int], tmp_path: Path, ingest: Start, wait_until: Wait
) -> None:
    port = free_port()
    with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
        Stations(redis).add(Station("noise", "Noise", icecast.send("noise", source="anoisesrc=amplitude=0.3")))
        process = ingest(url, LEASE_S="2", VAD="off")
        wait_until(lambda: redis.xlen(keys.LIVE_CHUNKS) >= 3, 40)
    gone_s = time.monotonic()
    wait_until(lambda: time.monotonic() - gone_s > 5, 10, "longer than a lease")
    with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
        wait_until(lambda: redis.xlen(keys.LIVE_CHUNKS) >= 12, 40)
        chunks = [Chunk.decode(fields) for _, fields in redis.xrange(keys.LIVE_CHUNKS)]
        process.terminate()
        process.wait(timeout=20)
    assert {chunk.epoch for chunk in chunks} == {1}
    assert list(dict.fromkeys(chunk.seq for chunk in chunks)) == list(range(chunks[-1].seq + 1))
    assert {chunk.content for chunk in chunks} == {Content.SPEECH}
    assert len(audio_of(chunks[:10])) == 10 * 16_000


def test_reader_of_a_station_keeps_it_after_an_outage(
    icecast: Icecast, free_port: Callable[[], int], tmp_path: Path, ingest: Start, wait_until: Wait
) -> None:
    port = free_port()
    leases = [keys.lease(f"stations/{id}") for id in ("one", "two")]
    sound = icecast.send("noise", source="anoisesrc=amplitude=0.3")
    with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
        for id in ("one", "two"):
            Stations(redis).add(Station(id, id, sound))
        first, _ = (ingest(url, LEASE_S="4") for _ in range(2))
        wait_until(lambda: len(set(redis.mget(leases)) - {None}) == 2, 60, "each reads one")
        read = redis.mget(leases)
    gone_s = time.monotonic()
    wait_until(lambda: time.monotonic() - gone_s > TTL_S + 1, 20, "longer than leases and heartbeats")
    first.send_signal(signal.SIGSTOP)  # so the other process reconnects first
    with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
        wait_until(lambda: any(redis.mget(leases)), 20)
        back_s = time.monotonic()
        wait_until(lambda: time.monotonic() - back_s > 3, 10, "the other has looked for stations")
        first.send_signal(signal.SIGCONT)
        wait_until(lambda: all(redis.mget(leases)), 20)
        assert redis.mget(leases) == read


@pytest.mark.long
def test_redis_that_lost_all_data_is_filled_again(
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
def test_process_stops_while_redis_hangs(
    free_port: Callable[[], int], tmp_path: Path, ingest: Start, wait_until: Wait
) -> None:
    with running_redis(tmp_path, free_port()) as url, connect(url) as redis:
        process = ingest(url, UPLOAD_WORKERS="1")
        wait_until(lambda: len(alive(redis)) == 2, 40)
        ours = children(process.pid)
        os.kill(redis.info("server")["process_id"], signal.SIGSTOP)
        process.terminate()
        assert process.wait(timeout=30) == 0
        assert not any(running(pid) for pid in ours)


def test_decoder_waits_for_redis_and_stops_cleanly(
    free_port: Callable[[], int], ingest: Start, logged: Logged, wait_until: Wait
) -> None:
    process = ingest(f"redis://127.0.0.1:{free_port()}/0", program=("-m", "ingest.recordings.decoder"))
    wait_until(lambda: logged("decoder: waiting for Redis"), 40)
    process.terminate()
    assert process.wait(timeout=20) == 0


def test_outage_of_redis_is_logged_once_at_its_start_and_end(
    free_port: Callable[[], int], tmp_path: Path, ingest: Start, logged: Logged, wait_until: Wait
) -> None:
    with running_redis(tmp_path, free_port()) as url, connect(url) as redis:
        redis.config_set("maxmemory", 1)
        process = ingest(url, UPLOAD_WORKERS="1")
        wait_until(lambda: logged("ingest: waiting for Redis"), 40)
        redis.config_set("maxmemory", 0)
        wait_until(lambda: len(alive(redis)) == 2, 40)
        redis.config_set("maxmemory", 1)
        wait_until(lambda: logged("decoder: waiting for Redis"), 40)
        [decoder] = children(process.pid)
        full_s = time.monotonic()
        wait_until(lambda: time.monotonic() - full_s > 3 * RESTART_S, 20, "long enough for another to be started")
        assert children(process.pid) == [decoder]
        redis.config_set("maxmemory", 0)
        wait_until(lambda: logged("decoder: Redis is available again"), 40)
        process.terminate()
        assert process.wait(timeout=20) == 0
    for once in [
        f"{who}: {what}" for who in ("ingest", "decoder") for what in ("waiting for Redis", "Redis is available")
    ]:
        assert logged(once) == 1
    assert not logged("a decoder exited")
