"""A viewer of a live socket, on its own thread."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any

import simple_websocket


class Viewer:
    """Records every message of a live socket, with the Unix time at which it arrived."""

    def __init__(self, socket: simple_websocket.Client) -> None:
        self._socket = socket
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(simple_websocket.ConnectionClosed, OSError):  # it may already be closed or broken
            self._socket.close()
        self._thread.join(timeout=30)

    @property
    def captions(self) -> list[dict[str, Any]]:
        """All revisions of captions, in order of arrival."""
        return [message for _, message in list(self.messages) if message["type"] == "caption"]

    @property
    def logged(self) -> list[dict[str, Any]]:
        """Captions that later viewers receive too."""
        return [caption for caption in self.captions if not caption["partial"]]

    @property
    def finals(self) -> list[dict[str, Any]]:
        """Final captions, in order of arrival."""
        return [caption for caption in self.captions if caption["final"]]

    @property
    def until_s(self) -> float:
        """End time of the last final caption."""
        return max((caption["end_s"] for caption in self.finals), default=0.0)

    def _watch(self) -> None:
        with contextlib.suppress(simple_websocket.ConnectionClosed, OSError):  # it may already be closed or broken
            while True:
                message = self._socket.receive(timeout=1)
                if message is not None:
                    self.messages.append((time.time(), json.loads(message)))
                elif not self._socket.connected:
                    return
