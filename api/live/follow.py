"""Follows a source: first what the log holds after an event, then live messages, with no gap and no repeat in between.

The viewer subscribes first, so that captions committed during the replay wait in its queue; then the log is read; then
only events newer than the last one sent go out. If an event does not directly follow the last one, messages were lost
on the way (Redis was unreachable), and the log is read again, as is the status, which is sent if it has changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from api.live.viewer import Item, Live, Missed, Signal
from wire.captions import Progress
from wire.messages import Caption, Kind, State, Status

#: Captions read from the log at once.
PAGE = 500

#: States of a job or microphone after which no captions follow, although no end is committed.
ABORTED = {State.FAILED, State.CANCELLED}


class Log(Protocol):
    """The part of wire's CaptionLog that is needed."""

    def read(self, source: str, after: int = 0, limit: int = PAGE) -> list[Caption]:
        """Captions after an event."""

    def progress(self, source: str) -> Progress:
        """How far the source is committed."""


class Queue(Protocol):
    """The part of Viewer that is needed."""

    def take(self, timeout_s: float) -> Item | None:
        """The next item."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for a viewer."""

    text: str
    type: str = ""
    event: int | None = None  # after which the client resumes; None leaves it unchanged
    captured_s: float = 0.0  # of a live caption, for its latency; 0: replayed, or corrected


class Follower:
    """The messages of one source for one viewer.

    Args:
        after: the last event that the viewer has seen.
        status: reads the source's current status.
        aborted: the source has failed or was cancelled: nothing will follow what is in the log.
        idle_s: `messages` yields None at least this often while nothing happens, so that its caller can check whether
            the client is still connected.
    """

    def __init__(
        self,
        log: Log,
        queue: Queue,
        source: str,
        after: int,
        *,
        status: Callable[[], Status],
        aborted: bool = False,
        idle_s: float = 5.0,
    ) -> None:
        self._log = log
        self._queue = queue
        self._source = source
        self._idle_s = idle_s
        self.last = after  #: the last event that was sent
        self._status = status
        self._last_status: Status | None = None  # the last status that was sent
        self._aborted = aborted
        self._interrupted = False
        self._ends = not source.startswith(f"{Kind.STATION}/")

    def messages(self) -> Iterator[Outgoing | None]:
        """Yield messages in order until the source or the viewer ends; None: nothing to send.

        Raises:
            RedisError: the log cannot be read.
        """
        if (yield from self._begin()):
            return
        while True:
            item = self._queue.take(self._idle_s)
            if item is Signal.CLOSED:
                return
            if item is Signal.RESUMED:
                if self._interrupted:
                    yield _message("resumed", source=self._source)
                self._interrupted = False
                if (yield from self._begin()):
                    return
            elif item is Signal.INTERRUPTED:
                self._interrupted = True
                yield _message("interrupted", source=self._source)
            elif isinstance(item, Missed):
                yield from self._missed(item.through)
                yield from self._send_status(self._status())  # a status may have been dropped with the captions
            elif isinstance(item, Live):
                if (yield from self._live(item)):
                    return
            else:
                yield None

    def _live(self, message: Live) -> Generator[Outgoing | None, None, bool]:
        if message.after is not None:
            if message.after == self.last:  # else it is outdated, or ahead of what this viewer has
                yield Outgoing(message.text, message.type)
            return False
        if message.type == "caption":
            if message.event > self.last + 1 and (yield from self._catch_up()):
                return True
            if message.event > self.last:
                self.last = message.event
                yield Outgoing(message.text, message.type, message.event, message.captured_s)
            return False
        if message.status:
            yield from self._send_status(message.status)
            if self._is_aborted(message.status):
                yield self._end()
                return True
            return False
        yield Outgoing(message.text, message.type)
        return message.type == "end"

    def _begin(self) -> Generator[Outgoing | None, None, bool]:
        status = self._status()
        yield from self._send_status(status)
        if (yield from self._catch_up()):
            return True
        if self._aborted or self._is_aborted(status):
            yield self._end()
            return True
        return False

    def _send_status(self, status: Status) -> Iterator[Outgoing | None]:
        """Yield a status, unless it differs from the last one in `audio_s` alone: that grows with every chunk."""
        if self._last_status is None or replace(self._last_status, audio_s=status.audio_s) != status:
            self._last_status = status
            yield Outgoing(status.encode().decode(), Status.type)
        else:
            yield None  # or a station of music, with such a status every few seconds, would never be idle

    def _is_aborted(self, status: Status) -> bool:
        return self._ends and status.state in ABORTED

    def _catch_up(self) -> Generator[Outgoing, None, bool]:
        progress = self._log.progress(self._source)
        if progress.event < self.last:  # the source was deleted, or Redis has lost its data: events restart at 1
            self.last = 0
            yield _message("reset", 0, source=self._source)
        while True:
            page = self._log.read(self._source, self.last, PAGE)
            for caption in page:
                if self.last and caption.event > self.last + 1:  # the log is bounded, and has dropped older ones
                    yield from self._missed(caption.event - 1)
                self.last = caption.event
                yield Outgoing(caption.encode().decode(), Caption.type, caption.event)
            if len(page) < PAGE:
                break
        if progress.finished:
            yield self._end()
        return progress.finished

    def _missed(self, through: int) -> Iterator[Outgoing]:
        if through > self.last:
            yield _message("missed", source=self._source, count=through - self.last, after=self.last)
            self.last = through

    def _end(self) -> Outgoing:
        return _message("end", source=self._source)


def _message(type: str, event: int | None = None, /, **values: Any) -> Outgoing:
    return Outgoing(json.dumps({"type": type, **values}), type, event)
