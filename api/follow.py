"""Following a source: what the log holds behind an event, then what comes, with no gap and no repeat in between.

The viewer subscribes first, so that whatever is committed during the replay waits in its queue; then the log is read;
then only events beyond the last one sent go out. An event that does not follow the last one means that messages
were lost on the way (Redis was away), and the log is read again. So is the status then, which is sent when it is news.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from api.viewer import Item, Live, Missed, Signal
from wire.captions import Progress
from wire.messages import Caption, Kind, State, Status

#: Captions read from the log at once.
PAGE = 500

#: States after which a job or microphone has no more captions, though nobody commits an end.
OVER = {State.FAILED, State.CANCELLED}


class Log(Protocol):
    """What is needed of wire's CaptionLog."""

    def read(self, source: str, after: int = 0, limit: int = PAGE) -> list[Caption]:
        """Captions behind an event."""

    def progress(self, source: str) -> Progress:
        """How far the source is committed."""


class Queue(Protocol):
    """What is needed of a Viewer."""

    def take(self, timeout_s: float) -> Item | None:
        """The next item."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for a viewer."""

    text: str
    type: str = ""
    event: int | None = None  # behind which the source is followed from here on; None leaves it where it was
    captured_s: float = 0.0  # of a live caption, from which its latency counts; 0: replayed, or corrected


class Follower:
    """One viewer's way through a source.

    Args:
        after: the last event that the viewer has seen.
        status: reads what is known of the source now.
        over: the source has failed or was cancelled: what is in the log is all.
        idle_s: how often `messages` yields None, at least, while nothing comes, so that its caller can look whether the
            client is still there.
    """

    def __init__(
        self,
        log: Log,
        queue: Queue,
        source: str,
        after: int,
        *,
        status: Callable[[], Status],
        over: bool = False,
        idle_s: float = 5.0,
    ) -> None:
        self._log = log
        self._queue = queue
        self._source = source
        self._idle_s = idle_s
        self.last = after  #: the last event that went out
        self._status = status
        self._told: Status | None = None  # the last status that went out
        self._over = over
        self._interrupted = False
        self._ends = not source.startswith(f"{Kind.STATION}/")

    def messages(self) -> Iterator[Outgoing | None]:
        """Messages in order; ends with the source, or when the viewer is closed. None: there is nothing to tell.

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
                yield from self._tell(self._status())  # one may have been dropped with the captions
            elif isinstance(item, Live):
                if (yield from self._live(item)):
                    return
            else:
                yield None

    def _live(self, message: Live) -> Generator[Outgoing | None, None, bool]:
        if message.after is not None:
            if message.after == self.last:  # or it is out of date, or ahead of what this viewer has
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
            yield from self._tell(message.status)
            if self._is_over(message.status):
                yield self._end()
                return True
            return False
        yield Outgoing(message.text, message.type)
        return message.type == "end"

    def _begin(self) -> Generator[Outgoing | None, None, bool]:
        status = self._status()
        yield from self._tell(status)
        if (yield from self._catch_up()):
            return True
        if self._over or self._is_over(status):
            yield self._end()
            return True
        return False

    def _tell(self, status: Status) -> Iterator[Outgoing | None]:
        """A status, unless the last one said the same but for how much audio has come: that grows with every chunk."""
        if self._told is None or replace(self._told, audio_s=status.audio_s) != status:
            self._told = status
            yield Outgoing(status.encode().decode(), Status.type)
        else:
            yield None  # or a station of music, with such a status every few seconds, would never seem idle

    def _is_over(self, status: Status) -> bool:
        return self._ends and status.state in OVER

    def _catch_up(self) -> Generator[Outgoing, None, bool]:
        progress = self._log.progress(self._source)
        if progress.event < self.last:  # the source was deleted, or Redis has lost its data: events count from 1 again
            self.last = 0
            yield _message("reset", 0, source=self._source)
        while True:
            page = self._log.read(self._source, self.last, PAGE)
            for caption in page:
                if self.last and caption.event > self.last + 1:  # the log is bounded: so old are none kept
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
