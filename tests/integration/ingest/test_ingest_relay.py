"""ffmpeg behind the relay: host names, TLS, and errors."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ingest.media import relay
from ingest.media.ffmpeg import Process, decode_command
from ingest.media.probe import probe_url
from tests.integration.ingest.fixture_types import Make
from tests.integration.ingest.radio import Web
from wire.errors import NotAudio, SourceError


def decoded(url: str, *options: str) -> float:
    """Seconds of audio that ffmpeg reads from a URL, with additional input options."""
    program, *arguments = decode_command(url, remote=True, live=False)
    with Process([program, *options, *arguments]) as process:
        return sum(len(pcm) for pcm in process.read(stall_s=20)) / 32_000


@pytest.fixture
def secure(tmp_path: Path, make_audio: Make) -> Iterator[tuple[str, Path]]:
    """URL of a recording behind TLS, and its self-signed certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    body = make_audio("tls.mp3").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_port}/tls.mp3", certificate
    server.shutdown()
    server.server_close()
    thread.join()


def test_host_name_is_resolved(web: Web, make_audio: Make) -> None:
    url = web.page("/x.mp3", make_audio("x.mp3").read_bytes(), "audio/mpeg").replace("127.0.0.1", "localhost")
    assert probe_url(url, live=False, timeout_s=20).tracks[0].codec == "mp3"
    assert decoded(url) == pytest.approx(12, abs=0.2)


def test_transport_stream_is_read(web: Web, make_audio: Make) -> None:
    url = web.page("/x.ts", make_audio("x.ts", "-c:a", "aac").read_bytes(), "video/mp2t")
    assert probe_url(url, live=False, timeout_s=20).tracks[0].codec == "aac"
    assert decoded(url) == pytest.approx(12, abs=0.2)


def test_tls_goes_through_a_tunnel(secure: tuple[str, Path]) -> None:
    url, certificate = secure
    # ffmpeg verifies certificates since version 9.
    assert decoded(url, "-ca_file", str(certificate)) == pytest.approx(12, abs=0.2)


def test_query_and_the_host_reach_the_server(web: Web, make_audio: Make) -> None:
    seen: list[tuple[str, str | None, str | None]] = []
    body = make_audio("x.mp3").read_bytes()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers["Host"], handler.headers["Proxy-Connection"]))
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)

    web.pages["/q"] = answer
    decoded(web.url("/q?token=a%20b&x=1"))
    assert seen[0] == ("/q?token=a%20b&x=1", f"127.0.0.1:{web.port}", None)


def test_connection_closes_with_ffmpeg_while_its_server_is_silent(web: Web, wait_until: Callable[..., None]) -> None:
    release = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.flush()
        release.wait(60)

    web.pages["/silent"] = answer
    proxy = urlsplit(relay.environment()["http_proxy"])

    def sockets() -> int:
        return sum(1 for fd in Path("/proc/self/fd").iterdir() if fd.is_socket())

    before = sockets()
    with socket.create_connection((proxy.hostname, proxy.port)) as ffmpeg:
        ffmpeg.sendall(f"GET {web.url('/silent')} HTTP/1.1\r\n\r\n".encode())
        assert ffmpeg.recv(100)
    try:
        wait_until(lambda: sockets() == before + 1, what="the server's own is left")
    finally:
        release.set()


def test_unknown_host_is_an_error_instead_of_a_crash(free_port: Callable[[], int]) -> None:
    with pytest.raises((SourceError, NotAudio)) as caught:
        probe_url("http://no-such-host.invalid/x", live=True, timeout_s=20)
    assert "crashed" not in str(caught.value)
    with pytest.raises((SourceError, NotAudio)):
        probe_url(f"http://127.0.0.1:{free_port()}/x", live=True, timeout_s=20)


def test_configured_proxy_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert relay.environment.__wrapped__()["http_proxy"] == "http://proxy.example:3128"
