"""A viewer of live captions on a raw socket, which decides when to read."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

from tests.integration.api_server import Api


def shake_hands(sock: socket.socket, api: Api, path: str) -> socket.socket:
    """Connect a socket, and open a WebSocket on it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    host, port = api.url.removeprefix("http://").split(":")
    sock.connect((host, int(port)))
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert sock.recv(12) == b"HTTP/1.1 101"
    return sock


def frames(sock: socket.socket, last: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    """Messages of a raw WebSocket, server to client, up to the last."""
    sock.settimeout(20)
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        buffer += sock.recv(65536)
    buffer = buffer.partition(b"\r\n\r\n")[2]

    def take(size: int) -> bytes:
        nonlocal buffer
        while len(buffer) < size:
            data = sock.recv(65536)
            assert data, "the server has closed"
            buffer += data
        taken, buffer = buffer[:size], buffer[size:]
        return taken

    while True:
        head = take(2)
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(take(2 if size == 126 else 8), "big")
        payload = take(size)
        if head[0] & 0x0F == 1:
            message: dict[str, Any] = json.loads(payload)
            yield message
            if last(message):
                return
