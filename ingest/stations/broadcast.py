"""Keeps the last minute of a station's audio in memory, and publishes it to Redis while somebody listens.

Players must hear what is captioned, at the same time. So one ffmpeg produces both, and segments are timed by the
clock of the chunks (`LiveCutter.at`), from their position in the audio since the connection began.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable

from ingest.media.frames import Frames
from wire.broadcast import LISTED, SEGMENT_S, Broadcasts, Sound
from wire.bus import RedisError

log = logging.getLogger(__name__)

#: Encoded audio that is further ahead of the PCM than this, in seconds, is moved back by this much; segments that
#: overlap so little still count as contiguous (`Broadcasts.add`).
_AHEAD_S = 0.08

#: Maximum number of segments that wait for the clock, which settles sooner (`LiveClock.patience_s`).
_UNTIMED = 8


class Broadcast:
    """The audio of one station. One thread may call `open`, `feed` and `cut`, another one `send`.

    Args:
        has_listeners: returns True while somebody listens.
        now_s: Unix time.
    """

    def __init__(
        self,
        source: str,
        broadcasts: Broadcasts,
        *,
        has_listeners: Callable[[], bool],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._broadcasts = broadcasts
        self._has_listeners = has_listeners
        self._now_s = now_s
        self._kept: deque[Sound] = deque(maxlen=LISTED)
        self._sent: Sound | None = None  # the newest one sent, while somebody listens
        self._failed = False
        self.open("aac")

    def open(self, format: str) -> None:
        """Begin a connection."""
        self._format = format
        self._frames = Frames(format)
        self._parts: list[bytes] = []
        self._begin_s = self._end_s = 0.0  # of the growing segment, from the connection's first frame
        self._ahead_s = math.inf  # smallest lead over the PCM since `_begin_s`
        self._untimed: deque[tuple[float, float, bytes]] = deque(maxlen=_UNTIMED)

    def feed(self, data: bytes) -> None:
        """Add data encoded by ffmpeg."""
        for frame in self._frames.feed(data):
            if self._end_s + frame.duration_s > self._begin_s + SEGMENT_S:
                self._untimed.append((self._begin_s, self._end_s - self._begin_s, b"".join(self._parts)))
                # A damaged frame yields no PCM; without this, the audio would drift ahead of the captions.
                self._end_s -= _AHEAD_S if _AHEAD_S < self._ahead_s < math.inf else 0.0
                self._begin_s, self._parts, self._ahead_s = self._end_s, [], math.inf
            self._end_s += frame.duration_s
            self._parts.append(frame.data)

    def cut(self, decoded_s: float, at: Callable[[float], float | None]) -> None:
        """Keep the segments that are complete and whose time is known.

        Args:
            decoded_s: amount of PCM since the connection began, in seconds.
            at: converts a position in the connection, in seconds, to Unix time; returns None while that is unknown.
        """
        self._ahead_s = min(self._ahead_s, self._end_s - decoded_s)
        while self._untimed and (start_s := at(self._untimed[0][0])) is not None:
            _, duration_s, data = self._untimed.popleft()
            self._kept.append(Sound(start_s, duration_s, self._format, data))

    def send(self) -> None:
        """Publish new segments if somebody listens. A failure is logged once and does not affect the captions."""
        if not self._has_listeners():
            self._sent = None
            return
        # Nothing for a station that has been off air for long: its last audio would pass for current.
        kept = [sound for sound in list(self._kept) if sound.end_s > self._now_s() - LISTED * SEGMENT_S]
        if not kept or kept[-1] is self._sent:
            return
        try:
            self._broadcasts.add(self._source, kept)
        except RedisError as error:
            if not self._failed:
                log.warning("%s: audio cannot be published for players: %s", self._source, error)
            self._failed = True
        else:
            self._sent, self._failed = kept[-1], False
