"""Stations that drop out, stall or cannot be opened are reconnected, and their status says why."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from ingest.stations.backoff import Backoff
from ingest.stations.supervisor import Supervisor
from tests.integration.ingest.fixture_types import Chunks, Wait
from tests.integration.ingest.radio import Icecast, Web, audio_of, frequency_hz
from wire.messages import State, Station


def test_returning_sender_begins_a_new_epoch(
    icecast: Icecast,
    on_air: Callable[..., Supervisor],
    chunks: Chunks,
    status: Any,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.stations.reader.Backoff", lambda: Backoff(slow_cap_s=1.0))
    url = icecast.send("dies")
    on_air(Station("tone", "Tone", url))
    wait_until(lambda: len(chunks("stations/tone")) >= 2, 30)
    icecast.kill("dies")
    wait_until(lambda: status("tone").state is State.RECONNECTING, 30)
    first = chunks("stations/tone")
    assert first[-1].last
    wait_until(lambda: "404" in status("tone").detail, 30)
    assert status("tone").detail == "127.0.0.1 responded with 404 Not Found: look up its new address"

    icecast.send("dies", source="sine=frequency=880:sample_rate=44100")
    wait_until(lambda: len([c for c in chunks("stations/tone") if c.epoch == 2]) >= 3, 60)
    second = [chunk for chunk in chunks("stations/tone") if chunk.epoch == 2]
    assert [chunk.seq for chunk in second] == list(range(len(second)))
    assert second[0].lead_samples == 0
    assert second[0].start_s > first[-1].start_s
    assert frequency_hz(audio_of(second[:3])) == pytest.approx(880, abs=1)
    wait_until(lambda: status("tone").state is State.RUNNING)
    wait_until(lambda: (status("tone").epoch, status("tone").reconnects, status("tone").detail) == (2, 1, ""))


def test_stalled_stream_is_reconnected(
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
    wait_until(lambda: status("stalls").detail == "no audio arrived for 2 s", 30)
    wait_until(lambda: any(chunk.epoch == 2 for chunk in chunks("stations/stalls")), 30)
    release.set()
    first = [chunk for chunk in chunks("stations/stalls") if chunk.epoch == 1]
    assert first[-1].last
    assert sum(chunk.n_samples for chunk in first) / 16_000 == pytest.approx(4, abs=0.2)


def test_server_with_room_for_one_listener_is_read(
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
                time.sleep(0.5)  # the server notices the disconnection at its next write
        seat.release()

    web.pages["/one"] = answer
    on_air(Station("one", "One", web.url("/one")))
    wait_until(lambda: status("one").state is State.RUNNING, 60)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            "/page",
            "127.0.0.1 returned a web page instead of audio; use the address of the recording or stream itself",
        ),
        ("/missing", "127.0.0.1 responded with 404 Not Found: look up its new address"),
        ("/broken", "127.0.0.1 responded with 503 Service Unavailable"),
        ("/text", "it is not a recording in a format that ffmpeg supports; use audio or video: MP3, WAV, MP4 …"),
        ("/recording.mp3", "it is a recording of 12 s, not a live stream; send it to POST /jobs"),
        ("/empty.pls", "the playlist at 127.0.0.1 contains no stream"),
    ],
)
def test_error_stays_in_the_status(
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


def test_status_reports_a_server_that_is_down(
    free_port: Callable[[], int], on_air: Callable[..., Supervisor], status: Any, wait_until: Wait
) -> None:
    on_air(Station("x", "X", f"http://127.0.0.1:{free_port()}/live"))
    wait_until(
        lambda: status("x").detail == "127.0.0.1 refused the connection: its server is down, or the port is wrong"
    )
