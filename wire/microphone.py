"""Raw audio from a microphone, on its way from the API (which holds the socket) to ingest (which cuts it).

The API announces a microphone with its hello, then appends frames as they come; an ingest worker takes the
announcement and reads on until the end mark. The stream is bounded: if ingest falls behind, the oldest audio goes.

A worker notes which microphones it reads and how far their audio is in chunks. One that dies leaves both behind, and
its lease expires: another goes on from there. An announcement that was taken stays in a second list until it is noted,
so that one whose taker dies in between is found there. Whoever moves it to the notes is the one who noted it: a taker
that comes late must not bring back what another has read to its end.

A recording outlives its socket. One that breaks leaves a mark, and the recording stays open until the client marks its
end, or ingest gives it up because nothing came for long. Another socket that knows its key goes on with it as its next
connection, and every entry says which it is of. Whether an entry still counts is decided where it is appended: from the
moment in which the recording is resumed, the connection before can add nothing.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from wire import keys
from wire.bus import Redis
from wire.errors import DecodeError, UnknownSource
from wire.messages import Hello, Kind, source_name

#: Announcements that wait for an ingest worker.
WAITING_LIMIT = 100

#: Frames kept of one microphone: the API sends about 10 a second, so a minute. One has 9.6 kB at 48 kHz mono,
#: and 512 kB at worst.
FRAMES_LIMIT = 600

#: A microphone's frames vanish this long after the last one, in seconds.
FRAMES_TTL_S = 900

#: Connections of one microphone whose hellos are kept: more than a minute of frames may come from.
HELLOS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Mark:
    """All of a microphone's audio up to an entry of its stream is in chunks; of `epoch`, there are `n_chunks`."""

    entry: bytes = b"0"
    epoch: int = 0
    n_chunks: int = 0


@dataclass(frozen=True, slots=True)
class Connection:
    """One of the sockets over which a recording comes."""

    number: int = 1
    began_s: float = 0.0  # Unix time at which the recording began
    audio_s: float = 0.0  # that came over the connections before, in seconds


@dataclass(frozen=True, slots=True)
class Frame:
    """An entry of a microphone's stream. One without audio says that a connection begins, or that it broke."""

    entry: bytes
    pcm: bytes
    connection: int
    broken: bool
    gapless: bool  # the connection begins with the sample behind the last one of that before


# Appends an entry, unless another connection has taken over: 0. Behind the end nothing counts, nor what was appended
# already, though its answer was lost.
_APPEND = """
local now = redis.call('HGET', KEYS[1], 'connection')
if now and now ~= ARGV[1] then
    return 0
end
if redis.call('HGET', KEYS[1], 'up_to') == ARGV[7] then
    return 1
end
if redis.call('HEXISTS', KEYS[1], 'over') == 0 then
    if ARGV[7] ~= '' then
        redis.call('HSET', KEYS[1], 'up_to', ARGV[7])
    end
    redis.call('HSET', KEYS[1], 'connection', ARGV[1])
    redis.call('HINCRBYFLOAT', KEYS[1], 'audio_s', ARGV[4])
    if ARGV[5] == 'end' then
        redis.call('HSET', KEYS[1], 'over', 1)
    end
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', ARGV[5], ARGV[6], 'connection', ARGV[1])
    redis.call('EXPIRE', KEYS[1], ARGV[2])
    redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return 1
"""

# Begins the next connection of a recording that is open; without a gap, if no more has come than its client has kept.
_RESUME = """
if redis.call('HGET', KEYS[1], 'key') ~= ARGV[6] or redis.call('HEXISTS', KEYS[1], 'over') == 1 then
    return false
end
local number = redis.call('HINCRBY', KEYS[1], 'connection', 1)
redis.call('HSET', KEYS[1], 'hello:' .. number, ARGV[1])
redis.call('HDEL', KEYS[1], 'hello:' .. (number - ARGV[4]))
local audio_s = redis.call('HGET', KEYS[1], 'audio_s') or '0'
local kept_from_s = tonumber(ARGV[5])
local begin = kept_from_s and kept_from_s <= tonumber(audio_s) and 'gapless' or 'begin'
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', begin, 1, 'connection', number)
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return {number, redis.call('HGET', KEYS[1], 'began_s'), audio_s}
"""

# Ends a recording, unless something is behind the entry: 0.
_GIVE_UP = """
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if newest and ARGV[1] ~= newest[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'over', 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

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

    def open(self, hello: Hello, key: str = "") -> Connection:
        """API: announce a microphone.

        Args:
            key: whoever is to go on with it over another connection must know.
        """
        first = Connection(began_s=time.time())
        known = {"connection": first.number, "hello:1": hello.encode(), "began_s": repr(first.began_s), "key": key}
        pipe = self._redis.pipeline()
        pipe.hset(keys.microphone_connections(hello.id), mapping=known)  # type: ignore[arg-type]
        pipe.expire(keys.microphone_connections(hello.id), FRAMES_TTL_S)
        pipe.lpush(keys.MICROPHONES, hello.encode())
        pipe.ltrim(keys.MICROPHONES, 0, WAITING_LIMIT - 1)
        pipe.execute()
        return first

    def resume(self, hello: Hello, key: str = "", kept_from_s: float | None = None) -> Connection:
        """API: go on with a microphone over another connection; the one before can send nothing more.

        Args:
            key: that it was opened with.
            kept_from_s: from where in the recording the client has its audio still, in seconds; None: it has none. If
                no less has arrived than that, it sends what is behind the last that arrived, and nothing is missing.

        Raises:
            UnknownSource: there is none with this id and key, or it has ended.
        """
        kept = "" if kept_from_s is None else kept_from_s
        arguments = (hello.encode(), FRAMES_TTL_S, FRAMES_LIMIT, HELLOS_KEPT, kept, key)
        answer: Any = self._redis.eval(_RESUME, 2, *_keys(hello.id), *arguments)
        if answer is None:
            raise UnknownSource(
                f"no recording {hello.id[:40]!r} is open, so none can be resumed: begin without `resume`"
            )
        return Connection(int(answer[0]), float(answer[1]), float(answer[2]))

    def send(
        self, id: str, pcm: bytes, connection: int = 1, *, duration_s: float = 0, up_to: int | None = None
    ) -> bool:
        """API: append a frame; False if another connection has taken over.

        One that says `up_to` where in the connection's audio it ends, in whatever unit, may be sent again.
        """
        return self._append(id, b"pcm", pcm, connection, duration_s, "" if up_to is None else f"{connection}:{up_to}")

    def leave(self, id: str, connection: int = 1) -> None:
        """API: the connection broke, another may go on."""
        self._append(id, b"broken", b"1", connection)

    def close(self, id: str, connection: int = 1) -> None:
        """API: mark the end, unless another connection has taken over."""
        self._append(id, b"end", b"1", connection)

    def waiting(self) -> int:
        """Ingest: announcements that nobody has taken."""
        return int(self._redis.llen(keys.MICROPHONES))

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
        pipe.hset(keys.microphone_connections(id), "over", "1")
        pipe.expire(keys.microphone_connections(id), FRAMES_TTL_S)
        pipe.execute()

    def give_up(self, id: str, after: bytes) -> bool:
        """Ingest: end one that may no longer be resumed; False if something came behind entry `after`."""
        return bool(self._redis.eval(_GIVE_UP, 2, *_keys(id), after, FRAMES_TTL_S))

    def hello(self, id: str, connection: int) -> Hello | None:
        """Ingest: what a connection said of its audio, if that is still known."""
        value: Any = self._redis.hget(keys.microphone_connections(id), f"hello:{connection}")
        return Hello.decode(value) if value else None

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

    def frames(self, id: str, after: bytes, timeout_s: float) -> tuple[list[Frame], bool]:
        """Ingest: frames behind stream entry `after` (b"0" at first).

        Returns:
            Frames, and whether the microphone was closed behind them, or is so old that no connection is known.
        """
        answer: Any = self._redis.xread({keys.microphone(id): after}, count=200, block=max(1, round(timeout_s * 1000)))
        items = answer.items() if isinstance(answer, dict) else answer or []
        for _, entries in items:
            frames = [_frame(entry, fields) for entry, fields in entries if b"end" not in fields]
            return frames, len(frames) < len(entries)
        return [], not self._redis.exists(keys.microphone_connections(id))

    def _note(self, announcement: bytes) -> Hello | None:
        """Note one that was taken, for whoever has to go on; None, if another did."""
        try:
            hello = Hello.decode(announcement)
        except DecodeError:
            self._redis.lrem(keys.TAKEN_MICROPHONES, 0, announcement)  # type: ignore[arg-type]
            raise
        noted = self._redis.eval(_NOTE, 2, keys.TAKEN_MICROPHONES, keys.READ_MICROPHONES, hello.id, announcement)
        return hello if noted else None

    def _append(
        self, id: str, name: bytes, value: bytes, connection: int, duration_s: float = 0.0, up_to: str = ""
    ) -> bool:
        arguments = (connection, FRAMES_TTL_S, FRAMES_LIMIT, duration_s, name, value, up_to)
        return bool(self._redis.eval(_APPEND, 2, *_keys(id), *arguments))


def _keys(id: str) -> tuple[str, str]:
    return keys.microphone_connections(id), keys.microphone(id)


def _frame(entry: bytes, fields: dict[bytes, bytes]) -> Frame:
    connection = int(fields.get(b"connection", b"1"))  # the version before knew one only
    return Frame(entry, fields.get(b"pcm", b""), connection, b"broken" in fields, b"gapless" in fields)
