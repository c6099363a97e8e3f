"""simple-websocket's client, without two faults.

What comes along with the handshake's answer lies there until more comes; and its thread still reads when its socket is
closed: with TLS it then takes the bytes of the next connection, which has the socket's number.
"""

from __future__ import annotations

import socket
from contextlib import suppress

import simple_websocket


class Client(simple_websocket.Client):  # type: ignore[misc]  # it has no types
    """A client that hears the first message too, and ends when it is closed."""

    def handshake(self) -> None:
        super().handshake()
        self.connected = self._handle_events()

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        simple_websocket.ws.Base.close(self, reason, message)
        with suppress(OSError):  # the other side was faster
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()  # closes the socket
