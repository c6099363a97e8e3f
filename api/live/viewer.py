"""A viewer: the bounded queue between the hub, which must never wait, and one socket, which may be slow."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from wire.messages import Status


@dataclass(frozen=True, slots=True)
class Live:
    """A message from pub/sub; `text` is what is sent."""

    text: str
    type: str = ""
    event: int = 0  # of a caption that is in the log
    after: int | None = None  # of a partial one: the newest event that was in the log
    captured_s: float = 0.0  # of a caption
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """Captions up to event `through` were dropped because the viewer was too slow."""

    through: int


class Signal(Enum):
    """What the hub signals to its viewers."""

    RESUMED = auto()  # the subscription works (again): what was published meanwhile is in the log only
    INTERRUPTED = auto()  # Redis is unreachable
    CLOSED = auto()  # the socket or the server closes


Item = Live | Missed | Signal


class Viewer:
    """A queue with one producer, which drops the oldest messages, and one consumer, which learns what was dropped.

    Partial captions are dropped first: later ones replace them.

    Args:
        source: the source whose messages it gets.
        limit: most messages that wait.
    """

    def __init__(self, source: str, limit: int) -> None:
        self.source = source
        self._limit = limit
        self._messages: deque[Live] = deque()
        self._signals: deque[Signal] = deque()
        self._missed_through = 0
        self._changed = threading.Condition()

    def offer(self, message: Live) -> int:
        """Add a message without waiting; return how many captions were dropped for it."""
        dropped = 0
        with self._changed:
            if len(self._messages) >= self._limit and message.after is not None:
                return 0
            while len(self._messages) >= self._limit:
                oldest = next((m for m in self._messages if m.after is not None), self._messages[0])
                self._messages.remove(oldest)
                if oldest.event:
                    self._missed_through = oldest.event
                    dropped += 1
            self._messages.append(message)
            self._changed.notify()
        return dropped

    def signal(self, signal: Signal) -> None:
        """Signal the consumer, ahead of all messages; only the newest signal counts."""
        with self._changed:
            if Signal.CLOSED not in self._signals:
                self._signals.clear()
                self._signals.append(signal)
            self._changed.notify()

    def take(self, timeout_s: float) -> Item | None:
        """The next item, or None after `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(self._ready, timeout_s)
            if self._signals:
                if self._signals[0] is Signal.CLOSED:
                    return Signal.CLOSED
                return self._signals.popleft()
            if self._missed_through:
                missed, self._missed_through = Missed(self._missed_through), 0
                return missed
            return self._messages.popleft() if self._messages else None

    def _ready(self) -> bool:
        return bool(self._signals or self._missed_through or self._messages)
