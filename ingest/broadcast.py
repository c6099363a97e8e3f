"""Keeps the last minute of a station's own sound in memory, and hands it out when somebody listens.

What a player hears must be what is captioned, at the same time. So both come out of one ffmpeg, and a segment's time
is by the chunks' clock (`LiveCutter.at`): by how much of the sound came before it since the connection began.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable

from ingest.frames import Frames
from wire.broadcast import LISTED, SEGMENT_S, Broadcasts, Sound
from wire.bus import RedisError

log = logging.getLogger(__name__)

#: What is coded may be so far ahead of what is captioned, and is then put back by as much, in seconds: two segments
#: still follow each other (`Broadcasts.add`).
_AHEAD_S = 0.08

#: Segments that wait for the clock; it settles sooner (`LiveClock.patience_s`).
_UNTIMED = 8


class Broadcast:
    """The sound of one station. One thread may `open`, `feed` and `cut`, another one `send`.

    Args:
        wanted: whether somebody listens.
        now_s: Unix time.
    """

    def __init__(
        self,
        source: str,
        broadcasts: Broadcasts,
        *,
        wanted: Callable[[], bool],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._broadcasts = broadcasts
        self._wanted = wanted
        self._now_s = now_s
        self._kept: deque[Sound] = deque(maxlen=LISTED)
        self._sent: Sound | None = None  # the newest that was, since somebody listens
        self._failed = False
        self.open("aac")

    def open(self, format: str) -> None:
        """A connection begins."""
        self._format = format
        self._frames = Frames(format)
        self._parts: list[bytes] = []
        self._begin_s = self._end_s = 0.0  # of the segment that grows, from the connection's first frame
        self._ahead_s = math.inf  # so far ahead of what is captioned has it been, at least, since `_begin_s`
        self._untimed: deque[tuple[float, float, bytes]] = deque(maxlen=_UNTIMED)

    def feed(self, data: bytes) -> None:
        """Take what ffmpeg has coded."""
        for frame in self._frames.feed(data):
            if self._end_s + frame.duration_s > self._begin_s + SEGMENT_S:
                self._untimed.append((self._begin_s, self._end_s - self._begin_s, b"".join(self._parts)))
                # Of a damaged frame there is no PCM: with each of those, players would hear what was said later.
                self._end_s -= _AHEAD_S if _AHEAD_S < self._ahead_s < math.inf else 0.0
                self._begin_s, self._parts, self._ahead_s = self._end_s, [], math.inf
            self._end_s += frame.duration_s
            self._parts.append(frame.data)

    def cut(self, heard_s: float, at: Callable[[float], float | None]) -> None:
        """Keep what is complete.

        Args:
            heard_s: how much there is of what is captioned, in seconds from the connection's beginning.
            at: the Unix time of a place in the connection, in seconds from its beginning; None while it is unknown.
        """
        self._ahead_s = min(self._ahead_s, self._end_s - heard_s)
        while self._untimed and (start_s := at(self._untimed[0][0])) is not None:
            _, duration_s, data = self._untimed.popleft()
            self._kept.append(Sound(start_s, duration_s, self._format, data))

    def send(self) -> None:
        """Hand out what is new if somebody listens. If that fails, the log says so once, and captions go on."""
        if not self._wanted():
            self._sent = None
            return
        # Of a station that is off air for long there is nothing: what it sent last would pass for what it sends.
        kept = [sound for sound in list(self._kept) if sound.end_s > self._now_s() - LISTED * SEGMENT_S]
        if not kept or kept[-1] is self._sent:
            return
        try:
            self._broadcasts.add(self._source, kept)
        except RedisError as error:
            if not self._failed:
                log.warning("%s: its sound cannot be handed out to players: %s", self._source, error)
            self._failed = True
        else:
            self._sent, self._failed = kept[-1], False
