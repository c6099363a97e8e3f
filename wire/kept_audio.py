"""Recent speech of stations, kept for playback: the audio of their speech chunks, by time.

Each chunk's new audio is a separate Ogg Vorbis file, 16 kHz mono: about 6 kB per second, a fifth of its PCM. Ingest
writes them, the API reads them. Music and silence are not kept.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any

from wire import keys
from wire.audio import seconds
from wire.bus import Redis

#: Maximum length of a chunk, in seconds.
LONGEST_S = 60.0

_HEADER = struct.Struct(">dI")


@dataclass(frozen=True, slots=True)
class Clip:
    """Audio without a gap."""

    start_s: float  # Unix time of its first sample
    n_samples: int  # 16 kHz
    vorbis: bytes = field(repr=False)

    @property
    def end_s(self) -> float:
        """Unix time of its end."""
        return self.start_s + seconds(self.n_samples)


class KeptAudio:
    """The kept audio of all stations: a sorted set per source, by start time."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, source: str, clip: Clip, *, kept_s: float) -> None:
        """Keep a clip for `kept_s` seconds, and delete clips that began more than `kept_s` seconds before its end.

        It is the newest, so clips with the same or a later start are replaced: they are the same clip, or belong to an
        earlier connection whose clock was ahead.
        """
        key = keys.audio(source)
        pipe = self._redis.pipeline()
        pipe.zremrangebyscore(key, "-inf", f"({clip.end_s - kept_s}")
        pipe.zremrangebyscore(key, clip.start_s, "+inf")
        pipe.zadd(key, {_HEADER.pack(clip.start_s, clip.n_samples) + clip.vorbis: clip.start_s})
        pipe.expire(key, math.ceil(kept_s))
        pipe.execute()

    def delete_before(self, source: str, before_s: float) -> None:
        """Delete clips that began before a Unix time."""
        self._redis.zremrangebyscore(keys.audio(source), "-inf", f"({before_s}")

    def between(self, source: str, from_s: float, to_s: float) -> list[Clip]:
        """Clips that overlap the time between two Unix times, oldest first; the first may begin before `from_s`."""
        values: Any = self._redis.zrangebyscore(keys.audio(source), from_s - LONGEST_S, f"({to_s}")
        return [clip for clip in map(_unpacked, values) if clip.end_s > from_s]


def _unpacked(value: bytes) -> Clip:
    start_s, n_samples = _HEADER.unpack_from(value)
    return Clip(start_s, n_samples, value[_HEADER.size :])
