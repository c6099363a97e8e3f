"""simple-websocket's client, with fixes for two bugs.

Messages that arrive together with the response to the handshake are not processed until more data arrives. And its
thread keeps reading after its socket was closed: with TLS, it then steals bytes of the next connection that gets the
same descriptor.
"""

from __future__ import annotations

import socket
from contextlib import suppress

import simple_websocket


class Client(simple_websocket.Client):  # type: ignore[misc]  # it has no types
    """A client that processes the first message immediately, and stops reading when it is closed."""

    def _thread(self) -> None:
        # Not already in the handshake: a server that closes at once would be taken for a refused connection.
        try:
            self.connected = self._handle_events()
        except OSError:  # the other side has closed it
            self.connected = False
            self.event.set()
        super()._thread()

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        simple_websocket.ws.Base.close(self, reason, message)
        with suppress(OSError):  # the other side closed it first
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()  # closes the socket
