"""Stations: real streams of a real Icecast and of HLS come out as chunks."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ingest.detector import SilenceDetector
from ingest.playlist import make_client
from ingest.settings import Settings
from ingest.supervisor import Supervisor
from tests.integration.ingest.radio import Icecast, Web, audio_of, frequency_hz
from wire import keys
from wire.bus import connect
from wire.messages import Chunk, Kind, State, Station, Status
from wire.metrics import IngestMetrics
from wire.sources import Stations, Statuses

Chunks = Callable[[str], list[Chunk]]
Wait = Callable[..., None]


@pytest.fixture
def on_air(redis_url: str) -> Iterator[Callable[..., Supervisor]]:
    """`on_air(station, …)`: an ingest process's part for stations, reading these."""
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


def test_titles_are_followed(
    icecast: Icecast, on_air: Callable[..., Supervisor], status: Any, wait_until: Wait
) -> None:
    url = icecast.send("titles")
    on_air(Station("tone", "Tone", url))
    wait_until(lambda: status("tone").state is State.RUNNING, 30)
    for title in ("Ekot – nyheter på åtta", "Väder; i morgon 'sol'"):
        icecast.title("titles", title)
        wait_until(lambda title=title: status("tone").title == title, 20, title)


def test_a_sender_that_dies_and_comes_back_is_a_new_epoch(
    icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, status: Any, wait_until: Wait
) -> None:
    url = icecast.send("dies")
    on_air(Station("tone", "Tone", url))
    wait_until(lambda: len(chunks("stations/tone")) >= 2, 30)
    icecast.kill("dies")
    wait_until(lambda: status("tone").state is State.RECONNECTING, 30)
    first = chunks("stations/tone")
    assert first[-1].last
    wait_until(lambda: "404" in status("tone").detail, 30)
    assert status("tone").detail == "127.0.0.1 answers 404 Not Found: look up its new address"

    icecast.send("dies", source="sine=frequency=880:sample_rate=44100")
    wait_until(lambda: len([c for c in chunks("stations/tone") if c.epoch == 2]) >= 3, 60)
    second = [chunk for chunk in chunks("stations/tone") if chunk.epoch == 2]
    assert [chunk.seq for chunk in second] == list(range(len(second)))
    assert second[0].lead_samples == 0
    assert second[0].start_s > first[-1].start_s
    assert frequency_hz(audio_of(second[:3])) == pytest.approx(880, abs=1)
    wait_until(lambda: status("tone").state is State.RUNNING)
    wait_until(lambda: (status("tone").epoch, status("tone").reconnects, status("tone").detail) == (2, 1, ""))


def test_a_stream_that_stalls_is_connected_to_again(
    web: Web,
    on_air: Callable[..., Supervisor],
    make_audio: Callable[..., Path],
    status: Any,
    wait_until: Wait,
    chunks: Chunks,
) -> None:
    body = make_audio("x.mp3", "-b:a", "64k", source="sine=duration=4").read_bytes()
    release = threading.Event()
    visits = []

    def stall(handler: BaseHTTPRequestHandler) -> None:
        visits.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Type", "audio/mpeg")
        handler.send_header("icy-name", "Stalls")
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)
            handler.wfile.flush()
            release.wait(60)

    web.pages["/stalls"] = stall
    on_air(Station("stalls", "Stalls", web.url("/stalls")), stall_s=2.0)
    wait_until(lambda: status("stalls").detail == "nothing came for 2 s", 30)
    wait_until(lambda: any(chunk.epoch == 2 for chunk in chunks("stations/stalls")), 30)
    release.set()
    first = [chunk for chunk in chunks("stations/stalls") if chunk.epoch == 1]
    assert first[-1].last
    assert sum(chunk.n_samples for chunk in first) / 16_000 == pytest.approx(4, abs=0.2)


def test_a_server_with_room_for_one_listener_comes_on_air(
    web: Web, on_air: Callable[..., Supervisor], make_audio: Callable[..., Path], status: Any, wait_until: Wait
) -> None:
    body = make_audio("x.mp3", "-b:a", "64k", source="sine=duration=60").read_bytes()
    seat = threading.Lock()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if not seat.acquire(blocking=False):
            handler.send_error(403)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "audio/mpeg")
        handler.send_header("icy-name", "One")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for at in range(0, len(body), 8_000):
                handler.wfile.write(body[at : at + 8_000])
                time.sleep(0.5)  # that the listener has gone is seen at the next write
        seat.release()

    web.pages["/one"] = answer
    on_air(Station("one", "One", web.url("/one")))
    wait_until(lambda: status("one").state is State.RUNNING, 60)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            "/page",
            "127.0.0.1 answers with a web page, not with audio; use the address of the recording or stream itself",
        ),
        ("/missing", "127.0.0.1 answers 404 Not Found: look up its new address"),
        ("/broken", "127.0.0.1 answers 503 Service Unavailable"),
        ("/text", "it is not a recording in any format that ffmpeg knows; try audio or video: MP3, WAV, MP4 …"),
        ("/recording.mp3", "it is a recording of 12 s, not a live stream: send it to POST /jobs"),
        ("/empty.pls", "the playlist at 127.0.0.1 names no stream"),
    ],
)
def test_what_is_wrong_stays_in_the_status(
    path: str,
    says: str,
    web: Web,
    on_air: Callable[..., Supervisor],
    make_audio: Callable[..., Path],
    status: Any,
    wait_until: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    web.page("/page", b"<!DOCTYPE html><title>Radio</title>")
    web.page("/broken", b"", status=503)
    web.page("/text", b"hello " * 4000, "application/octet-stream")
    web.page("/recording.mp3", make_audio("x.mp3").read_bytes(), "audio/mpeg")
    web.page("/empty.pls", b"[playlist]\nNumberOfEntries=0\n", "audio/x-scpls")
    on_air(Station("x", "X", web.url(path)))
    wait_until(lambda: status("x").detail == says, 20)
    assert status("x").state is State.RECONNECTING
    assert len([line for line in caplog.messages if line.startswith("station x:")]) == 1


def test_a_server_that_is_down_is_said_to_be_down(
    free_port: Callable[[], int], on_air: Callable[..., Supervisor], status: Any, wait_until: Wait
) -> None:
    on_air(Station("x", "X", f"http://127.0.0.1:{free_port()}/live"))
    wait_until(lambda: status("x").detail == "127.0.0.1 takes no connection: its server is down, or the port is wrong")


@pytest.mark.parametrize("name", ["list.m3u", "list.pls"])
def test_playlists_lead_to_their_stream(
    name: str, icecast: Icecast, web: Web, on_air: Callable[..., Supervisor], chunks: Chunks, wait_until: Wait
) -> None:
    url = icecast.send("listed")
    web.page("/list.m3u", f"#EXTM3U\n#EXTINF:-1,Tone\n{url}\n".encode(), "audio/x-mpegurl")
    web.page("/list.pls", f"[playlist]\nFile1={url}\nNumberOfEntries=1\n".encode(), "audio/x-scpls")
    on_air(Station("tone", "Tone", web.url(f"/{name}")))
    wait_until(lambda: chunks("stations/tone"), 30)


@pytest.fixture
def hls(tmp_path: Path, web: Web, need_program: Callable[..., str]) -> Iterator[str]:
    """The address of a live HLS stream with segments of 2 s."""
    folder = tmp_path / "hls"
    folder.mkdir()
    command = [need_program("ffmpeg"), "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "sine=frequency=440"]
    command += [
        "-c:a",
        "aac",
        "-f",
        "hls",
        "-hls_time",
        "2",
        "-hls_list_size",
        "5",
        "-hls_flags",
        "delete_segments+temp_file",
    ]
    sender = subprocess.Popen([*command, str(folder / "live.m3u8")])
    web.folder("/hls/", folder)
    yield web.url("/hls/live.m3u8")
    sender.kill()
    sender.wait()


def test_hls(
    hls: str, tmp_path: Path, on_air: Callable[..., Supervisor], chunks: Chunks, status: Any, wait_until: Wait
) -> None:
    wait_until(lambda: len(list((tmp_path / "hls").glob("*.ts"))) >= 4, 30)
    on_air(Station("hls", "HLS", hls))
    wait_until(lambda: len(chunks("stations/hls")) >= 12, 60)
    found = chunks("stations/hls")
    assert {chunk.epoch for chunk in found} == {1}
    assert frequency_hz(audio_of(found)) == pytest.approx(440, abs=1)
    assert status("hls").codec == "aac"
    assert all(chunk.end_s <= chunk.captured_s + 1 for chunk in found)


def test_a_removed_station_is_left_alone(
    icecast: Icecast,
    on_air: Callable[..., Supervisor],
    chunks: Chunks,
    status: Any,
    wait_until: Wait,
    redis_client: Any,
) -> None:
    url = icecast.send("removed")
    supervisor = on_air(Station("tone", "Tone", url))
    wait_until(lambda: chunks("stations/tone"), 30)
    Stations(redis_client).remove("tone")
    wait_until(lambda: not supervisor.reading and not redis_client.exists(keys.lease("stations/tone")), 20)
    redis_client.delete(keys.status("stations/tone"))
    before = len(chunks("stations/tone"))
    Stations(redis_client).add(Station("tone", "Tone", url, language="en", task="translate"))
    wait_until(lambda: len(chunks("stations/tone")) > before, 30)
    assert chunks("stations/tone")[-1].epoch == 2
    assert (chunks("stations/tone")[-1].language, chunks("stations/tone")[-1].task) == ("en", "translate")


def test_no_metric_outlives_a_removed_station(
    on_air: Callable[..., Supervisor], wait_until: Wait, redis_url: str
) -> None:
    supervisor = on_air(Station("gone", "Gone", "http://127.0.0.1:1/"), Station("here", "Here", "http://127.0.0.1:1/"))
    wait_until(lambda: supervisor.reading == ["gone", "here"])
    reconnects = supervisor._metrics.reconnects
    for id in supervisor.reading:
        reconnects.labels(id).inc()
    Stations(connect(redis_url)).remove("gone")

    def counted() -> set[str]:
        return {sample.labels["station"] for family in reconnects.collect() for sample in family.samples}

    wait_until(lambda: counted() == {"here"}, 30)


def test_a_changed_station_is_read_anew(
    icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    on_air(Station("tone", "Tone", icecast.send("one")))
    wait_until(lambda: chunks("stations/tone"), 30)
    url = icecast.send("two", source="sine=frequency=880")
    Stations(redis_client).add(Station("tone", "Tone", url, hot_words=("Umeå",)))
    wait_until(lambda: len([c for c in chunks("stations/tone") if c.epoch == 2]) >= 2, 30)
    assert frequency_hz(audio_of([c for c in chunks("stations/tone") if c.epoch == 2])) == pytest.approx(880, abs=1)
    assert next(c.hot_words for c in chunks("stations/tone") if c.epoch == 2) == ("Umeå",)


def test_epochs_rise_though_their_counter_has_expired(
    icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    fields = {"event": 9, "epoch": 7, "next_seq": 3, "until_s": 0.0, "finished": 0}
    redis_client.hset(keys.progress("stations/tone"), mapping=fields)
    on_air(Station("tone", "Tone", icecast.send("rises")))
    wait_until(lambda: chunks("stations/tone"), 30)
    assert chunks("stations/tone")[0].epoch == 8


def test_stopping_says_goodbye(
    icecast: Icecast, redis_url: str, chunks: Chunks, status: Any, wait_until: Wait, redis_client: Any
) -> None:
    url = icecast.send("goodbye")
    redis, stop = connect(redis_url), threading.Event()
    Stations(redis).add(Station("tone", "Tone", url))
    with make_client(5.0) as client:
        supervisor = Supervisor(
            redis,
            Settings(redis_url=redis_url, chunk_s=1.0, lead_s=0.25),
            IngestMetrics(CollectorRegistry()),
            client,
            SilenceDetector,
            worker="ingest-0",
            processes=lambda: 1,
        )
        thread = threading.Thread(target=supervisor.run, args=(stop,))
        thread.start()
        wait_until(lambda: len(chunks("stations/tone")) >= 2, 30)
        stop.set()
        thread.join()
    assert chunks("stations/tone")[-1].last
    assert status("tone").state is State.WAITING
    assert not redis_client.exists(keys.lease("stations/tone"))
    redis.close()
