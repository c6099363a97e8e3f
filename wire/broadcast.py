"""A station's audio for players: segments of a few seconds, kept for a minute while somebody listens.

Segments are what HLS (RFC 8216) calls packed audio, in the codec that the station sends. Ingest writes them while the
API reports a listener (`audience`); the API serves them.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from wire import keys
from wire.bus import Redis

#: Maximum length of a segment, in seconds.
SEGMENT_S = 4.0

#: Number of segments in the playlist.
LISTED = 16

#: A segment stays available for the duration of a playlist after it was last listed (RFC 8216, 6.2.2).
_KEPT = 2 * LISTED
KEPT_S = math.ceil(_KEPT * SEGMENT_S)

#: How long the counter of runs is kept, in seconds (a day): run numbers must keep rising for players that were paused.
_RUNS_COUNT_S = 86_400

#: Largest difference between the end of one segment and the start of the next for the two to be contiguous, in seconds;
#: the clock is not more exact.
_SEAMLESS_S = 0.1


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio without a gap."""

    start_s: float  # Unix time
    duration_s: float
    format: str  # aac (in ADTS) or mp3
    data: bytes

    @property
    def end_s(self) -> float:
        """Unix time of its end."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Segment:
    """The playlist entry of a sound."""

    number: int  # one more than that of the previous segment
    run: int  # one more than that of the previous segment if it does not start where that one ended
    start_s: float  # Unix time
    duration_s: float
    format: str
    n_bytes: int

    @property
    def end_s(self) -> float:
        """Unix time of its end."""
        return self.start_s + self.duration_s


class Broadcasts:
    """The segments of all stations with listeners: a stream of playlist entries per source, and each entry's audio."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, source: str, sounds: list[Sound]) -> None:
        """Append the sounds that follow the newest segment.

        Raises:
            RedisError: Redis is unavailable, or another process is appending.
        """
        newest = next(iter(self._newest(source, 1)), None)
        # Small, unlike the number: hls.js keeps runs in arrays indexed by their number, and iterates over them.
        first_run = 1 + int(self._redis.get(keys.runs(source)) or 0)
        pipe = self._redis.pipeline()
        for sound in sounds:
            if newest and sound.start_s < newest.end_s - _SEAMLESS_S:
                continue  # already listed, or sent on an earlier connection
            # A Unix time as first number is greater than any earlier one: numbers grow by one per segment, this by one
            # per second.
            newest = _following(newest, sound) if newest else _numbered(sound, int(sound.start_s), first_run)
            pipe.set(keys.segment(source, newest.number), sound.data, ex=KEPT_S)
            pipe.xadd(
                keys.broadcast(source),
                {"segment": json.dumps(asdict(newest))},
                id=f"{newest.number}-0",
                maxlen=_KEPT,
                approximate=False,
            )
        if newest:
            pipe.set(keys.runs(source), newest.run, ex=_RUNS_COUNT_S)
        pipe.expire(keys.broadcast(source), KEPT_S)
        pipe.execute()

    def keep_alive(self, source: str) -> None:
        """Keep the playlist though no audio arrives: listeners are waiting for a station that has dropped out."""
        self._redis.expire(keys.broadcast(source), KEPT_S)

    def listed(self, source: str) -> list[Segment]:
        """The newest segments, oldest first."""
        return self._newest(source, LISTED)

    def listed_now(self, source: str) -> tuple[list[Segment], float]:
        """The same, and the Unix time by Redis's clock, by which ingest times segments."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.xrevrange(keys.broadcast(source), count=LISTED)
        pipe.time()
        entries, (now_s, microseconds) = pipe.execute()
        return _oldest_first(entries), now_s + microseconds / 1e6

    def segment(self, source: str, number: int) -> Segment | None:
        """The playlist entry of a segment, listed or recently listed; None if it has expired."""
        entries: Any = self._redis.xrange(keys.broadcast(source), f"{number}-0", f"{number}-0")
        return _segment(entries[0][1]) if entries else None

    def data(self, source: str, number: int) -> bytes | None:
        """The audio of a segment; None if it has expired."""
        data: bytes | None = self._redis.get(keys.segment(source, number))  # type: ignore[assignment]
        return data

    def _newest(self, source: str, count: int) -> list[Segment]:
        entries: Any = self._redis.xrevrange(keys.broadcast(source), count=count)
        return _oldest_first(entries)


def _oldest_first(entries: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Segment]:
    return [_segment(fields) for _, fields in reversed(entries)]


def _segment(fields: dict[bytes, bytes]) -> Segment:
    return Segment(**json.loads(fields[b"segment"]))


def _following(newest: Segment, sound: Sound) -> Segment:
    """The sound as the segment after the newest one."""
    seamless = newest.format == sound.format and abs(sound.start_s - newest.end_s) < _SEAMLESS_S
    return _numbered(sound, newest.number + 1, newest.run if seamless else newest.run + 1)


def _numbered(sound: Sound, number: int, run: int) -> Segment:
    return Segment(number, run, sound.start_s, sound.duration_s, sound.format, len(sound.data))
