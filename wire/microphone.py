"""Raw audio from a browser's microphone, on its way from the API (which holds the socket) to ingest (which cuts it).

The API announces a microphone with its hello, then appends frames as they come; an ingest worker takes the
announcement and reads on until the end mark. The stream is bounded: if ingest falls behind, the oldest audio goes.

A worker notes which microphones it reads and how far their audio is in chunks. One that dies leaves both behind, and
its lease expires: another goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wire import keys
from wire.bus import Redis
from wire.errors import DecodeError
from wire.messages import Kind, Task, _Json, source_name

#: Announcements that wait for an ingest worker.
WAITING_LIMIT = 100

#: Frames kept of one microphone: the API sends about 10 a second, so a minute. One has 9.6 kB at 48 kHz mono,
#: and 512 kB at worst.
FRAMES_LIMIT = 600

#: A microphone's frames vanish this long after the last one, in seconds.
FRAMES_TTL_S = 300


@dataclass(frozen=True, slots=True)
class Hello(_Json):
    """A microphone that has opened. Frames are mono s16le at `sample_rate` Hz."""

    id: str
    sample_rate: int
    language: str | None = None
    channels: int = 1
    task: Task | None = None  # None: as TASK says


class Microphones:
    """Both ends of every microphone's stream."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def open(self, hello: Hello) -> None:
        """API: announce a microphone."""
        pipe = self._redis.pipeline()
        pipe.lpush(keys.MICROPHONES, hello.encode())
        pipe.ltrim(keys.MICROPHONES, 0, WAITING_LIMIT - 1)
        pipe.execute()

    def send(self, id: str, pcm: bytes) -> None:
        """API: append a frame."""
        self._append(id, {b"pcm": pcm})

    def close(self, id: str) -> None:
        """API: mark the end."""
        self._append(id, {b"end": b"1"})

    def next(self, timeout_s: float) -> Hello | None:
        """Ingest: take the next announcement, waiting up to `timeout_s` seconds."""
        answer: Any = self._redis.brpop([keys.MICROPHONES], timeout=timeout_s)
        return Hello.decode(answer[1]) if answer else None

    def keep(self, hello: Hello) -> None:
        """Ingest: note that it is being read, for whoever has to go on."""
        self._redis.hset(keys.READ_MICROPHONES, hello.id, hello.encode())

    def mark(self, id: str, entry: bytes) -> None:
        """Ingest: all audio up to `entry` of the stream is in chunks."""
        self._redis.set(keys.microphone_read(id), entry, ex=FRAMES_TTL_S)

    def marked(self, id: str) -> bytes:
        """Ingest: where to read on."""
        entry: Any = self._redis.get(keys.microphone_read(id))
        return entry or b"0"

    def done(self, id: str) -> None:
        """Ingest: it has ended, nobody has to go on."""
        pipe = self._redis.pipeline()
        pipe.hdel(keys.READ_MICROPHONES, id)
        pipe.delete(keys.microphone_read(id))
        pipe.execute()

    def abandoned(self) -> list[Hello]:
        """Ingest: those whose reader holds no lease any more.

        Also those whose frames have vanished: somebody has to end them, or their last words would stay provisional.
        """
        values: Any = self._redis.hgetall(keys.READ_MICROPHONES)
        hellos = []
        for id, value in ((id.decode(), value) for id, value in values.items()):
            if self._redis.exists(keys.lease(source_name(Kind.MICROPHONE, id))):
                continue
            try:
                hellos.append(Hello.decode(value))
            except DecodeError:  # of another version, which may go on with it while there are frames
                if not self._redis.exists(keys.microphone(id)):
                    self.done(id)
        return hellos

    def frames(self, id: str, after: bytes, timeout_s: float) -> tuple[list[tuple[bytes, bytes]], bool]:
        """Ingest: frames behind stream entry `after` (b"0" at first).

        Returns:
            Entry and PCM of each frame, and whether the microphone was closed behind them.
        """
        answer: Any = self._redis.xread({keys.microphone(id): after}, count=200, block=max(1, round(timeout_s * 1000)))
        items = answer.items() if isinstance(answer, dict) else answer or []
        for _, entries in items:
            frames = [(entry, fields[b"pcm"]) for entry, fields in entries if b"pcm" in fields]
            return frames, any(b"end" in fields for _, fields in entries)
        return [], False

    def _append(self, id: str, fields: dict[bytes, bytes]) -> None:
        pipe = self._redis.pipeline()
        pipe.xadd(keys.microphone(id), fields, maxlen=FRAMES_LIMIT, approximate=True)  # type: ignore[arg-type]
        pipe.expire(keys.microphone(id), FRAMES_TTL_S)
        pipe.execute()
