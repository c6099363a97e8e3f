"""A small world of radio on loopback: Icecast and its senders, web servers that misbehave; nothing is faked."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np

from wire.chunk import Chunk

RATE = 16_000

ICECAST_CONFIG = """<icecast>
  <limits><clients>50</clients><sources>20</sources><burst-size>{burst}</burst-size>
    <source-timeout>4</source-timeout></limits>
  <authentication><source-password>hackme</source-password><admin-user>admin</admin-user>
    <admin-password>hackme</admin-password></authentication>
  <hostname>127.0.0.1</hostname>
  <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <fileserve>0</fileserve>
  <paths><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot></paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging>
  {owner}
</icecast>
"""

#: Content type and ffmpeg options of each encoding.
ENCODINGS = {
    "mp3": ("audio/mpeg", ["-c:a", "libmp3lame", "-b:a", "320k", "-ar", "44100", "-ac", "2", "-f", "mp3"]),
    "aac": ("audio/aac", ["-c:a", "aac", "-b:a", "96k", "-ar", "48000", "-f", "adts"]),
    "opus": ("application/ogg", ["-c:a", "libopus", "-b:a", "64k", "-f", "ogg"]),
}


@dataclass
class Icecast:
    """A running Icecast and the ffmpeg processes that send to it."""

    port: int
    folder: Path  # of logs
    senders: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def url(self, mount: str) -> str:
        return f"http://127.0.0.1:{self.port}/{mount}"

    def send(self, mount: str, encoding: str = "mp3", source: str = "sine=frequency=440:sample_rate=44100") -> str:
        """Start sending an endless lavfi source to a mount, in real time; return its URL once it is on air."""
        kind, options = ENCODINGS[encoding]
        target = f"icecast://source:hackme@127.0.0.1:{self.port}/{mount}"
        command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", source, *options]
        log = self.folder / f"{mount}.log"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if mount not in self.senders or self.senders[mount].poll() is not None:
                with log.open("ab") as stderr:
                    self.senders[mount] = subprocess.Popen(
                        [*command, "-content_type", kind, target], stderr=stderr, start_new_session=True
                    )
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url(mount), timeout=5) as answer:
                if answer.read(1000):
                    return self.url(mount)
            time.sleep(0.1)
        logs = "".join(path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*log"))
        raise AssertionError(f"{mount} did not come on air: {logs}")

    def kill(self, mount: str) -> None:
        """Kill the sender, so that listeners are disconnected."""
        sender = self.senders.pop(mount)
        sender.kill()
        sender.wait()

    def freeze(self, mount: str) -> None:
        """Make the sender hang without disconnecting."""
        self.senders[mount].send_signal(signal.SIGSTOP)

    def title(self, mount: str, title: str) -> None:
        """Set the title that is playing."""
        query = urllib.parse.urlencode({"mount": f"/{mount}", "mode": "updinfo", "song": title, "charset": "UTF-8"})
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/admin/metadata?{query}")
        request.add_header("Authorization", "Basic YWRtaW46aGFja21l")  # admin:hackme
        urllib.request.urlopen(request, timeout=5).close()

    def stop(self) -> None:
        for mount in list(self.senders):
            self.kill(mount)


def wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `server` listens."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}: {log.read_text()}")


@dataclass
class Web:
    """A web server whose pages are functions."""

    port: int
    pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def page(self, path: str, body: bytes, kind: str = "text/html", status: int = 200) -> str:
        """Serve fixed bytes."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            with contextlib.suppress(OSError):
                handler.wfile.write(body)

        self.pages[path] = answer
        return self.url(path)

    def folder(self, prefix: str, folder: Path) -> None:
        """Serve the files of a folder, read at each request."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            path = folder / handler.path.removeprefix(prefix).lstrip("/")
            if not path.is_file():
                handler.send_error(404)
                return
            body = path.read_bytes()
            handler.send_response(200)
            kind = "application/vnd.apple.mpegurl" if path.suffix == ".m3u8" else "application/octet-stream"
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            with contextlib.suppress(OSError):
                handler.wfile.write(body)

        self.pages[prefix] = answer


def audio_of(chunks: list[Chunk]) -> np.ndarray[Any, Any]:
    """The new samples of consecutive chunks, with silence for those without audio."""
    parts = []
    for chunk in chunks:
        pcm = np.frombuffer(chunk.pcm, dtype="<i2")[chunk.lead_samples :] if chunk.pcm else np.zeros(chunk.n_samples)
        parts.append(pcm)
    return np.concatenate(parts) if parts else np.zeros(0)


def frequency_hz(samples: np.ndarray[Any, Any]) -> float:
    """The strongest frequency of 16 kHz samples."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def send_live(web: Web, body: bytes, *, asked: bool = False, pause_s: float = 0.0, **headers: str) -> str:
    """Serve an endless stream, a second at a time; with `asked`, its headers are only sent if titles are requested."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.send_header("Content-Type", "audio/mpeg")
        for name, value in headers.items() if not asked or handler.headers["Icy-MetaData"] else ():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                for at in range(0, len(body), 8_000):
                    handler.wfile.write(body[at : at + 8_000])
                    time.sleep(pause_s)

    web.pages["/live.mp3"] = answer
    return web.url("/live.mp3")
