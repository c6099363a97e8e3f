"""A station's own sound, for players: segments of some seconds, here for a minute while somebody listens.

They are what HLS (RFC 8216) calls packed audio, coded as the station sends it. Ingest writes them if the API says that
there is somebody (`watched`), the API reads them.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from wire import keys
from wire.bus import Redis

#: A segment is no longer than this, in seconds.
SEGMENT_S = 4.0

#: So many segments are listed.
LISTED = 16

#: A player may ask for a segment for as long again after it was listed last (RFC 8216, 6.2.2).
_KEPT = 2 * LISTED
KEPT_S = math.ceil(_KEPT * SEGMENT_S)

#: A player that was paused for no longer finds that runs have gone on being counted, in seconds (a day).
_RUNS_COUNT_S = 86_400

#: Two segments follow each other if one begins where the other ends, in seconds: the clock is not more exact.
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
    """What is listed of a sound."""

    number: int  # one more than that of the segment before
    run: int  # one more where it does not begin where that one ended
    start_s: float  # Unix time
    duration_s: float
    format: str
    n_bytes: int

    @property
    def end_s(self) -> float:
        """Unix time of its end."""
        return self.start_s + self.duration_s


class Broadcasts:
    """The segments of all stations that are listened to: a stream of what is listed a source, and each one's audio."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, source: str, sounds: list[Sound]) -> None:
        """Append what comes behind the newest segment.

        Raises:
            RedisError: Redis is away, or another process appends.
        """
        newest = next(iter(self._newest(source, 1)), None)
        # Small, unlike the number: hls.js keeps what it knows of runs in arrays, and walks through them.
        first_run = 1 + int(self._redis.get(keys.runs(source)) or 0)
        pipe = self._redis.pipeline()
        for sound in sounds:
            if newest and sound.start_s < newest.end_s - _SEAMLESS_S:
                continue  # it is there already, or an earlier connection had it
            # The first number is greater than any before: those grow once a segment, and this once a second.
            newest = _behind(newest, sound) if newest else _numbered(sound, int(sound.start_s), first_run)
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

    def hold(self, source: str) -> None:
        """Keep what is listed though nothing comes: who listens waits for a station that has broken off."""
        self._redis.expire(keys.broadcast(source), KEPT_S)

    def listed(self, source: str) -> list[Segment]:
        """The newest segments in their order."""
        return self._newest(source, LISTED)

    def segment(self, source: str, number: int) -> Segment | None:
        """What is, or was, listed of a segment; None if it is no longer there."""
        entries: Any = self._redis.xrange(keys.broadcast(source), f"{number}-0", f"{number}-0")
        return _segment(entries[0][1]) if entries else None

    def data(self, source: str, number: int) -> bytes | None:
        """The audio of a segment; None if it is no longer there."""
        data: bytes | None = self._redis.get(keys.segment(source, number))  # type: ignore[assignment]
        return data

    def _newest(self, source: str, count: int) -> list[Segment]:
        entries: Any = self._redis.xrevrange(keys.broadcast(source), count=count)
        return [_segment(fields) for _, fields in reversed(entries)]


def _segment(fields: dict[bytes, bytes]) -> Segment:
    return Segment(**json.loads(fields[b"segment"]))


def _behind(newest: Segment, sound: Sound) -> Segment:
    """A sound as the segment behind the newest one."""
    seamless = newest.format == sound.format and abs(sound.start_s - newest.end_s) < _SEAMLESS_S
    return _numbered(sound, newest.number + 1, newest.run if seamless else newest.run + 1)


def _numbered(sound: Sound, number: int, run: int) -> Segment:
    return Segment(number, run, sound.start_s, sound.duration_s, sound.format, len(sound.data))
