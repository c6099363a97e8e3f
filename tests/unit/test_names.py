"""demo.names: requests are sent on to the host they name, one a connection."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from demo.names import BadRequest, route
from demo.up import listens


def test_a_get_goes_to_its_host_in_origin_form() -> None:
    head = (
        b"GET http://radio.example:8000/live?x=1 HTTP/1.1\r\nHost: radio.example:8000\r\nConnection: keep-alive\r\n\r\n"
    )
    host, port, onward = route(head)
    assert (host, port) == ("radio.example", 8000)
    assert onward == b"GET /live?x=1 HTTP/1.1\r\nHost: radio.example:8000\r\nConnection: close\r\n\r\n"


def test_connect_is_a_tunnel() -> None:
    assert route(b"CONNECT radio.example:443 HTTP/1.1\r\n\r\n") == ("radio.example", 443, b"")


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1", b"nonsense", b"GET ftp://x/ HTTP/1.1", b"CONNECT :x HTTP/1.1", b""]
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(BadRequest):
        route(line + b"\r\n\r\n")


@pytest.fixture
def proxy(free_port: Callable[[], int], wait_until: Callable[..., None]) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "demo.names", str(port)])

    def ready() -> bool:
        try:
            return listens(port)
        except OSError:
            return False

    try:
        wait_until(ready, timeout_s=20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A file server; its address has a name in it."""
    tone = ["-f", "lavfi", "-i", "sine=duration=2", "-ar", "16000"]
    subprocess.run(["ffmpeg", "-v", "error", *tone, str(tmp_path / "tone.wav")], check=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()


def test_ffprobe_reads_through_it_from_a_named_host(proxy: str, web: str) -> None:
    # The wheel's own: the one that cannot look names up.
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=sample_rate", "-of", "csv=p=0", f"{web}/tone.wav"],
        env={"PATH": str(Path(sys.executable).parent) + ":/usr/bin", "http_proxy": proxy},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.strip() == "16000", done.stderr


def test_an_unknown_host_is_a_bad_gateway(proxy: str) -> None:
    with httpx.Client(proxy=proxy, trust_env=False) as client:
        assert client.get("http://nowhere.invalid/").status_code == 502
