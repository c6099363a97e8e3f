"""A viewer of a live socket, on a thread of its own."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any

import simple_websocket


class Viewer:
    """Someone who watches a live socket: every message, with the Unix time at which it came."""

    def __init__(self, socket: simple_websocket.Client) -> None:
        self._socket = socket
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(simple_websocket.ConnectionClosed, OSError):  # it may be closed, or broken, already
            self._socket.close()
        self._thread.join(timeout=30)

    @property
    def captions(self) -> list[dict[str, Any]]:
        """Captions in the order in which they came, all revisions."""
        return [message for _, message in list(self.messages) if message["type"] == "caption"]

    @property
    def logged(self) -> list[dict[str, Any]]:
        """Captions that others get, too, who come later."""
        return [caption for caption in self.captions if not caption["partial"]]

    @property
    def finals(self) -> list[dict[str, Any]]:
        """Final captions in the order in which they came."""
        return [caption for caption in self.captions if caption["final"]]

    @property
    def until_s(self) -> float:
        """How far final captions reach."""
        return max((caption["end_s"] for caption in self.finals), default=0.0)

    def _watch(self) -> None:
        with contextlib.suppress(simple_websocket.ConnectionClosed, OSError):  # it may be closed, or broken, already
            while True:
                message = self._socket.receive(timeout=1)
                if message is not None:
                    self.messages.append((time.time(), json.loads(message)))
                elif not self._socket.connected:
                    return
