"""Recordings on a server are fetched by their URL, or the error says why not."""

from __future__ import annotations

import contextlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ingest.context import Context
from tests.integration.ingest.fixture_types import Chunks, Decode, Make
from tests.integration.ingest.radio import Web, audio_of, send_live
from wire.messages import State


def test_file_is_fetched_by_its_url(decode: Decode, make_audio: Make, web: Web, chunks: Chunks) -> None:
    url = web.page("/x.mp3", make_audio("x.mp3").read_bytes(), "audio/mpeg")
    job = decode(url=url)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(12, abs=0.2)


def test_index_at_the_end_is_supported(
    decode: Decode, make_audio: Make, web: Web, chunks: Chunks, tmp_path: Path
) -> None:
    url = web.page("/x.m4a", make_audio("x.m4a", "-c:a", "aac").read_bytes(), "audio/mp4")  # without range requests
    job = decode(url=url)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(12, abs=0.2)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_range_requests_are_used_if_supported(decode: Decode, make_audio: Make, web: Web, chunks: Chunks) -> None:
    body = make_audio("x.m4a", "-c:a", "aac").read_bytes()
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        first = int((handler.headers["Range"] or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        asked.append(handler.headers["Range"])
        handler.send_response(206 if handler.headers["Range"] else 200)
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - first))
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body[first:])

    web.pages["/x.m4a"] = answer
    assert decode(url=web.url("/x.m4a")).error == ""
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(12, abs=0.2)
    assert any(part and part != "bytes=0-" for part in asked)


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"icy_name": "Endless"}, False),
        ({"icy_br": "64"}, True),
        ({"ice_audio_info": "bitrate=64"}, False),
        ({"Server": "Icecast 2.4.4"}, False),
    ],
)
def test_live_stream_is_refused_as_a_recording(
    headers: dict[str, str], asked: bool, decode: Decode, make_audio: Make, web: Web
) -> None:
    body = make_audio("x.mp3", "-b:a", "64k", source="sine=duration=60").read_bytes()
    job = decode(url=send_live(web, body, asked=asked, **headers))
    assert "endless live stream; add it as a station (on the page under Radio, or with POST /stations)" in job.error


def test_recording_on_a_radio_server_is_captioned(decode: Decode, make_audio: Make, web: Web) -> None:
    body = make_audio("x.mp3").read_bytes()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        for name, value in {"Server": "Icecast 2.4.4", "icy-name": "News", "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)

    web.pages["/x.mp3"] = answer
    assert decode(url=web.url("/x.mp3")).error == ""


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/missing.mp3", "127.0.0.1 responded with 404 Not Found: look up its new address"),
        (
            "/page",
            "127.0.0.1 returned a web page instead of audio; use the address of the recording or stream itself",
        ),
        ("/text", "it is not a recording in a format that ffmpeg supports; use audio or video: MP3, WAV, MP4 …"),
        ("/big", "it has 3 MB; at most 2 MB are allowed (MAX_FETCH_MB)"),
        ("/leads-to-our-disk.m3u8", None),
    ],
)
def test_errors_say_why_a_fetch_failed(
    path: str, says: str | None, decode: Decode, web: Web, context: Context, make_audio: Make, chunks: Chunks
) -> None:
    object.__setattr__(context.settings, "max_fetch_mb", 2.0)
    ours = make_audio("secret.mp3")
    web.page("/page", b"<html>hello</html>")
    web.page("/text", b"hello " * 400, "application/octet-stream")
    web.page("/big", bytes(3_000_000), "audio/mpeg")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXTINF:12,\nfile://{ours}\n#EXT-X-ENDLIST\n".encode()
    web.page("/leads-to-our-disk.m3u8", playlist, "application/vnd.apple.mpegurl")
    job = decode(url=web.url(path))
    assert job.state is State.FAILED
    assert says is None or job.error == says
    assert chunks("jobs/j") == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x.mp3", "/etc/passwd", "concat:/etc/passwd"])
def test_only_http_is_fetched(url: str, decode: Decode) -> None:
    assert "is not an http or https address" in decode(url=url).error


def test_path_outside_the_uploads_is_refused(decode: Decode, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.mp3"
    outside.write_bytes(b"x")
    job = decode(path=f"../{outside.name}")
    assert (job.state, job.error) == (State.FAILED, "'../outside.mp3' is not in the uploads folder")
    assert outside.exists()
