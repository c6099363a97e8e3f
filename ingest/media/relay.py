"""A forward proxy on loopback through which ffmpeg reaches the network.

The statically linked ffmpeg from a wheel crashes whenever its old C library loads parts of the system's: when it looks
up a host name (NSS), and when it converts a string in a transport stream (gconv). So host names are resolved here, in
Python, whichever ffmpeg is installed. ffmpeg uses the `http_proxy` of its environment and tunnels TLS through it, so
the content is neither seen nor changed.

A proxy library would add a server framework; this supports two requests, CONNECT and an absolute GET, and relays bytes.
"""

from __future__ import annotations

import functools
import logging
import os
import select
import socket
import socketserver
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

#: Maximum size of the head of a request, in bytes.
HEAD_BYTES = 65_536

#: A connection that is idle for this long is closed, in seconds. ffmpeg's own time-out is shorter.
IDLE_S = 900.0

#: Time-out for connecting, in seconds.
CONNECT_S = 15.0

_HOP_BY_HOP = (b"connection:", b"proxy-connection:", b"proxy-authorization:", b"keep-alive:")


@functools.cache
def environment() -> Mapping[str, str]:
    """The environment for ffmpeg and ffprobe; starts this process's relay at the first call.

    If a proxy is configured already, it is used instead.
    """
    environ = dict(os.environ)
    environ["GCONV_PATH"] = "/nonexistent"
    if not any(environ.get(name) for name in ("http_proxy", "HTTP_PROXY")):
        server = _Server(("127.0.0.1", 0), _Relay)
        threading.Thread(target=server.serve_forever, name="relay", daemon=True).start()
        environ["http_proxy"] = f"http://127.0.0.1:{server.server_address[1]}"
        environ.pop("no_proxy", None)
    return environ


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections end in many ways; ffmpeg reports those that matter."""
        log.debug("relay: a connection from %s ended", client_address, exc_info=True)


class _Relay(socketserver.BaseRequestHandler):
    """One connection of ffmpeg."""

    request: socket.socket

    def handle(self) -> None:
        """Connect to the requested server, and relay bytes both ways until one side closes."""
        head, rest = self._read_head()
        if not head:
            return
        try:
            method, target, version = head.split(b"\r\n", 1)[0].split(b" ", 2)
            host, port, opening = _plan(method, target.decode("latin-1"), version, head)
        except ValueError:
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            return
        try:
            upstream = socket.create_connection((host, port), timeout=CONNECT_S)
        except OSError as error:
            log.debug("relay: %s:%d: %s", host, port, error)
            self.request.sendall(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n")
            return
        with upstream:
            if method == b"CONNECT":
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            upstream.sendall(opening + rest)
            _pass_on(self.request, upstream)

    def _read_head(self) -> tuple[bytes, bytes]:
        self.request.settimeout(CONNECT_S)
        data = b""
        while b"\r\n\r\n" not in data:
            part = self.request.recv(8192)
            if not part or len(data) > HEAD_BYTES:
                return b"", b""
            data += part
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest


def _plan(method: bytes, target: str, version: bytes, head: bytes) -> tuple[str, int, bytes]:
    """The host and port to connect to, and the bytes to send first.

    Raises:
        ValueError: not a valid proxy request.
    """
    parts = urlsplit(f"//{target}" if method == b"CONNECT" else target)
    if not parts.hostname:
        raise ValueError(target)
    if method == b"CONNECT":
        return parts.hostname, parts.port or 443, b""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith(_HOP_BY_HOP)]
    # One request per connection: a second one might be for another host.
    request = [b" ".join((method, path.encode("latin-1"), version)), *lines, b"Connection: close", b"", b""]
    return parts.hostname, parts.port or 80, b"\r\n".join(request)


def _pass_on(near: socket.socket, far: socket.socket) -> None:
    near.settimeout(IDLE_S)
    far.settimeout(IDLE_S)
    poll = select.poll()
    poll.register(near, select.POLLIN)
    poll.register(far, select.POLLIN)
    ways = {near.fileno(): (near, far), far.fileno(): (far, near)}
    while ready := poll.poll(IDLE_S * 1000):
        for descriptor, _ in ready:
            source, sink = ways[descriptor]
            data = source.recv(65_536)
            if not data:
                # The server is done, or ffmpeg, which closes both directions at once, and whose connection may be the
                # only one that the server accepts.
                return
            sink.sendall(data)
