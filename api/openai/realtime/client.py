"""The client of a session of OpenAI's Realtime API: the events sent to it, and how it is made to wait."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

from simple_websocket import ConnectionClosed, Server

from api.context import Context
from api.http import problems
from api.openai import shapes
from api.text.formats import dumps
from wire.bus import UNAVAILABLE

T = TypeVar("T")

#: Time between attempts while Redis is unreachable, in seconds.
AWAY_S = 0.5


class Client:
    """The other end of a session. Several threads send events to it."""

    def __init__(self, ctx: Context, ws: Server) -> None:
        self._ctx = ctx
        self._ws = ws
        self._item: str | None = None

    @property
    def connected(self) -> bool:
        """Whether it is, and the server is not stopping."""
        return self._ws.connected and not self._ctx.hub.closing

    def pause(self, pause_s: float) -> None:
        """Pause reading from it, and consider it alive: its pongs are queued after its audio."""
        time.sleep(pause_s)
        self._ws.pong_received = True

    def retry_while_away(self, call: Callable[[], T]) -> T:
        """Call `call` until Redis answers; the client waits meanwhile.

        Raises:
            RedisError: Redis does not answer, and the client has disconnected or the server is stopping.
        """
        while True:
            try:
                return call()
            except UNAVAILABLE:
                if not self.connected:
                    raise
                self.pause(AWAY_S)

    def send(self, type: str, **values: Any) -> None:
        """Send an event.

        Raises:
            ConnectionClosed, OSError: the client has disconnected.
        """
        self._ws.send(dumps({"type": type, "event_id": f"event_{secrets.token_hex(8)}", **values}))

    def committed(self, item: str) -> None:
        """Report that an item has all of its audio, and which item precedes it."""
        before, self._item = self._item, item
        self.send("input_audio_buffer.committed", item_id=item, previous_item_id=before)

    def transcript(self, event: str, item: str, **values: Any) -> None:
        """Send an event about an item's text: a `delta`, that it is `completed`, or has `failed`."""
        type = f"conversation.item.input_audio_transcription.{event}"
        self.send(type, item_id=item, content_index=0, **values)

    def completed(self, item: str, text: str, duration_s: float) -> None:
        """Send an item's whole text."""
        usage = {"type": "duration", "seconds": duration_s}
        self.transcript("completed", item, transcript=text, usage=usage)

    def send_error(self, error: Exception, event: Any = None) -> None:
        """Report an error, and the client's event that caused it."""
        shape = shapes.error(problems.from_error(error))["error"]
        try:
            self.send("error", error={**shape, "event_id": event})
        except (ConnectionClosed, OSError):
            return  # the client has disconnected
