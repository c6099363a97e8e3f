"""Raw audio from a browser's microphone, on its way from the API (which holds the socket) to ingest (which cuts it).

The API announces a microphone with its hello, then appends frames as they come; an ingest worker takes the
announcement and reads on until the end mark. The stream is bounded: if ingest falls behind, the oldest audio goes.

A worker notes which microphones it reads and how far their audio is in chunks. One that dies leaves both behind, and
its lease expires: another goes on from there. An announcement that was taken stays in a second list until it is noted,
so that one whose taker dies in between is found there. Whoever moves it to the notes is the one who noted it: a taker
that comes late must not bring back what another has read to its end.
"""

from __future__ import annotations

import contextlib
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


@dataclass(frozen=True, slots=True)
class Mark:
    """All of a microphone's audio up to an entry of its stream is in chunks; of `epoch`, there are `n_chunks`."""

    entry: bytes = b"0"
    epoch: int = 0
    n_chunks: int = 0


# Notes an announcement, if nobody else has; whether it did.
_NOTE = """
if redis.call('LREM', KEYS[1], 0, ARGV[2]) == 0 then
    return 0
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
"""


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
        """Ingest: take the next announcement, waiting up to `timeout_s` seconds, and note that it is being read.

        None, if none came, or another worker that looked for abandoned ones has noted it first.

        Raises:
            DecodeError: it is none that this version knows; it is gone.
        """
        answer: Any = self._redis.blmove(keys.MICROPHONES, keys.TAKEN_MICROPHONES, timeout_s, "RIGHT", "LEFT")  # type: ignore[arg-type]
        return self._note(answer) if answer else None

    def mark(self, id: str, mark: Mark) -> None:
        """Ingest: note how far its audio is in chunks."""
        value = b"%b %d %d" % (mark.entry, mark.epoch, mark.n_chunks)
        self._redis.set(keys.microphone_read(id), value, ex=FRAMES_TTL_S)

    def marked(self, id: str) -> Mark:
        """Ingest: where to read on."""
        value: Any = self._redis.get(keys.microphone_read(id))
        match (value or b"").split():
            case [entry, epoch, n_chunks]:
                return Mark(entry, int(epoch), int(n_chunks))
            case [entry]:  # of the version before
                return Mark(entry)
        return Mark()

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
        taken: Any = self._redis.lrange(keys.TAKEN_MICROPHONES, 0, -1)
        for announcement in taken:  # their takers died, or are noting them at this moment: one will
            with contextlib.suppress(DecodeError):
                self._note(announcement)
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

    def _note(self, announcement: bytes) -> Hello | None:
        """Note one that was taken, for whoever has to go on; None, if another did."""
        try:
            hello = Hello.decode(announcement)
        except DecodeError:
            self._redis.lrem(keys.TAKEN_MICROPHONES, 0, announcement)  # type: ignore[arg-type]
            raise
        noted = self._redis.eval(_NOTE, 2, keys.TAKEN_MICROPHONES, keys.READ_MICROPHONES, hello.id, announcement)
        return hello if noted else None

    def _append(self, id: str, fields: dict[bytes, bytes]) -> None:
        pipe = self._redis.pipeline()
        pipe.xadd(keys.microphone(id), fields, maxlen=FRAMES_LIMIT, approximate=True)  # type: ignore[arg-type]
        pipe.expire(keys.microphone(id), FRAMES_TTL_S)
        pipe.execute()
