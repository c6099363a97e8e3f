"""Stations: real streams of a real Icecast and of HLS come out as chunks."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingest.detector import SilenceDetector
from ingest.playlist import make_client
from ingest.settings import Settings
from ingest.supervisor import Supervisor
from tests.integration.ingest.radio import Icecast, audio_of, frequency_hz
from wire.bus import connect
from wire.messages import Chunk, Kind, State, Station, Status
from wire.metrics import IngestMetrics
from wire.sources import Stations, Statuses

Chunks = Callable[[str], list[Chunk]]
Wait = Callable[..., None]


@pytest.fixture
def on_air(redis_url: str) -> Iterator[Callable[..., Supervisor]]:
    """`on_air(station, …)`: an ingest process's part for stations, reading these."""
    from prometheus_client import CollectorRegistry

    ended = []

    def start(*stations: Station, **settings: Any) -> Supervisor:
        chosen = Settings(redis_url=redis_url, chunk_s=1.0, lead_s=0.25, **{"stall_s": 20.0, "lease_s": 2.0} | settings)
        redis = connect(redis_url)
        register = Stations(redis)
        for station in stations:
            register.add(station)
        client = make_client(5.0)
        supervisor = Supervisor(
            redis,
            chosen,
            IngestMetrics(CollectorRegistry()),
            client,
            SilenceDetector,
            worker="ingest-0",
            processes=lambda: 1,
        )
        stop = threading.Event()
        thread = threading.Thread(target=supervisor.run, args=(stop,))
        thread.start()

        def end() -> None:
            stop.set()
            thread.join()
            client.close()
            redis.close()

        ended.append(end)
        return supervisor

    yield start
    for end in ended:
        end()


@pytest.fixture
def status(redis_client: Any) -> Callable[[str], Status]:
    return lambda id: Statuses(redis_client).get(Kind.STATION, id)


@pytest.mark.parametrize("encoding", ["mp3", "aac", "opus"])
def test_a_stream_comes_out_as_chunks(
    encoding: str, icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, status: Any, wait_until: Wait
) -> None:
    url = icecast.send(f"tone-{encoding}", encoding)
    began_s = time.time()
    on_air(Station("tone", "Tone", url, language="sv"))
    wait_until(lambda: len(chunks("stations/tone")) >= 6, 40)

    found = chunks("stations/tone")
    assert [chunk.seq for chunk in found] == list(range(len(found)))
    assert {chunk.epoch for chunk in found} == {1}
    assert {chunk.language for chunk in found} == {"sv"}
    assert abs(frequency_hz(audio_of(found[:5])) - 440) < 1
    for before, after in itertools.pairwise(found):
        assert after.start_s == pytest.approx(before.end_s)
        assert after.pcm[: after.lead_samples * 2] == before.pcm[-after.lead_samples * 2 :]
    # The server's burst is neither in the future nor far in the past.
    for chunk in found:
        assert chunk.end_s <= chunk.captured_s + 0.5
        assert chunk.end_s > began_s - 30

    now = status("tone")
    assert (now.state, now.codec, now.epoch) == (State.RUNNING, encoding, 1)
    assert now.sample_rate_hz in (44100, 48000)
