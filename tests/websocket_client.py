"""simple-websocket's client, which leaves what comes along with the handshake's answer lying until more comes."""

from __future__ import annotations

import simple_websocket


class Client(simple_websocket.Client):  # type: ignore[misc]  # it has no types
    """A client that hears the first message too, even if it comes in one packet with the handshake's answer."""

    def handshake(self) -> None:
        super().handshake()
        self.connected = self._handle_events()
