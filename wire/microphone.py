"""Raw audio of a microphone, sent from the API (which holds the socket) to ingest (which cuts it into chunks).

The API announces a microphone with its hello message, then appends frames as they arrive; an ingest worker takes the
announcement and reads frames until the end mark. The stream is bounded: if ingest falls behind, it loses the oldest.

A worker records which microphones it reads and how much of their audio is in chunks. If it dies, its lease expires and
another worker continues from that record. A taken announcement stays in a second list until it is moved to the record,
in case the worker dies in between. Only the worker that moved it reads the microphone: one that is late must not
restart a microphone that another has already read to its end.

A recording outlives its socket. A broken connection leaves a mark, and the recording stays open until the client ends
it, or ingest gives it up after a long silence. Another socket that has the recording's key can resume it as its next
connection; every entry carries the number of its connection. The append itself checks whether the connection is still
the current one: once a recording is resumed, the previous connection can no longer add to it.
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

#: Maximum number of announcements that wait for an ingest worker.
WAITING_LIMIT = 100

#: Frames kept per microphone: the API sends about 10 per second, so a minute. A frame has 9.6 kB at 48 kHz mono,
#: and at most 512 kB.
FRAMES_LIMIT = 600

#: A microphone's frames expire this long after the last one, in seconds.
FRAMES_TTL_S = 900

#: Connections per microphone whose hello messages are kept: more than one minute of frames can span.
HELLOS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Position:
    """How far a microphone is read: audio up to stream entry `entry` is in chunks, `n_chunks` of them in `epoch`."""

    entry: bytes = b"0"
    epoch: int = 0
    n_chunks: int = 0


@dataclass(frozen=True, slots=True)
class Connection:
    """One of the connections over which a recording is sent."""

    number: int = 1
    began_s: float = 0.0  # Unix time at which the recording began
    audio_s: float = 0.0  # received over earlier connections, in seconds


@dataclass(frozen=True, slots=True)
class Frame:
    """An entry of a microphone's stream. One without audio marks the begin of a connection, or its loss."""

    entry: bytes
    pcm: bytes
    connection: int
    broken: bool
    gapless: bool  # the connection begins with the sample after the last one of the previous connection


# Appends an entry; returns 0 if another connection has taken over. Ignores entries after the end, and repeated ones.
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

# Begins the next connection of an open recording; gapless if the client still has all audio that did not arrive.
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

# Ends a recording; returns 0 if there are entries after the given one.
_GIVE_UP = """
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if newest and ARGV[1] ~= newest[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'over', 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

# Moves a taken announcement to the record of microphones being read; returns 0 if another worker has done so.
_RECORD = """
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
            key: required to resume the recording over another connection.
        """
        first = Connection(began_s=time.time())
        fields = {"connection": first.number, "hello:1": hello.encode(), "began_s": repr(first.began_s), "key": key}
        pipe = self._redis.pipeline()
        pipe.hset(keys.microphone_connections(hello.id), mapping=fields)  # type: ignore[arg-type]
        pipe.expire(keys.microphone_connections(hello.id), FRAMES_TTL_S)
        pipe.lpush(keys.MICROPHONES, hello.encode())
        pipe.ltrim(keys.MICROPHONES, 0, WAITING_LIMIT - 1)
        pipe.execute()
        return first

    def resume(self, hello: Hello, key: str = "", kept_from_s: float | None = None) -> Connection:
        """API: resume a microphone over another connection; the previous one can no longer send.

        Args:
            key: the key that the microphone was opened with.
            kept_from_s: start of the audio that the client still has, in seconds from the start of the recording; None
                if it has none. If all audio before that has arrived, the client sends what follows the last sample that
                arrived, and nothing is missing.

        Raises:
            UnknownSource: there is no microphone with this id and key, or it has ended.
        """
        kept = "" if kept_from_s is None else kept_from_s
        arguments = (hello.encode(), FRAMES_TTL_S, FRAMES_LIMIT, HELLOS_KEPT, kept, key)
        answer: Any = self._redis.eval(_RESUME, 2, *_keys(hello.id), *arguments)
        if answer is None:
            raise UnknownSource(
                f"there is no open recording {hello.id[:40]!r} to resume; start a new one without `resume`"
            )
        return Connection(int(answer[0]), float(answer[1]), float(answer[2]))

    def send(
        self, id: str, pcm: bytes, connection: int = 1, *, duration_s: float = 0, up_to: int | None = None
    ) -> bool:
        """API: append a frame; False if another connection has taken over.

        A frame with `up_to`, its end in the connection's audio in any unit, may be sent repeatedly.
        """
        return self._append(id, b"pcm", pcm, connection, duration_s, "" if up_to is None else f"{connection}:{up_to}")

    def mark_disconnected(self, id: str, connection: int = 1) -> None:
        """API: mark a connection as lost; the recording can be resumed."""
        self._append(id, b"broken", b"1", connection)

    def close(self, id: str, connection: int = 1) -> None:
        """API: mark the end, unless another connection has taken over."""
        self._append(id, b"end", b"1", connection)

    def waiting(self) -> int:
        """Ingest: number of announcements that no worker has taken."""
        return int(self._redis.llen(keys.MICROPHONES))

    def next(self, timeout_s: float) -> Hello | None:
        """Ingest: take the next announcement, waiting up to `timeout_s` seconds, and record that it is being read.

        Returns None if none arrived, or if another worker, looking for abandoned ones, has recorded it first.

        Raises:
            DecodeError: this version does not understand the announcement; it has been removed.
        """
        answer: Any = self._redis.blmove(keys.MICROPHONES, keys.TAKEN_MICROPHONES, timeout_s, "RIGHT", "LEFT")  # type: ignore[arg-type]
        return self._record(answer) if answer else None

    def save_position(self, pipeline: Any, id: str, position: Position) -> None:
        """Ingest: record, in the transaction that queues a chunk, how much of a microphone's audio is in chunks."""
        value = b"%b %d %d" % (position.entry, position.epoch, position.n_chunks)
        pipeline.set(keys.microphone_read(id), value, ex=FRAMES_TTL_S)

    def position(self, id: str) -> Position:
        """Ingest: where to continue reading."""
        value: Any = self._redis.get(keys.microphone_read(id))
        match (value or b"").split():
            case [entry, epoch, n_chunks]:
                return Position(entry, int(epoch), int(n_chunks))
            case [entry]:  # from an earlier version
                return Position(entry)
        return Position()

    def mark_ended(self, id: str) -> None:
        """Ingest: record that a microphone has ended."""
        pipe = self._redis.pipeline()
        pipe.hdel(keys.READ_MICROPHONES, id)
        pipe.delete(keys.microphone_read(id))
        pipe.hset(keys.microphone_connections(id), "over", "1")
        pipe.expire(keys.microphone_connections(id), FRAMES_TTL_S)
        pipe.execute()

    def give_up(self, id: str, after: bytes) -> bool:
        """Ingest: end a microphone that can no longer be resumed; False if entries have arrived after `after`."""
        return bool(self._redis.eval(_GIVE_UP, 2, *_keys(id), after, FRAMES_TTL_S))

    def hello(self, id: str, connection: int) -> Hello | None:
        """Ingest: the hello message of a connection, if it is still kept."""
        value: Any = self._redis.hget(keys.microphone_connections(id), f"hello:{connection}")
        return Hello.decode(value) if value else None

    def abandoned(self) -> list[Hello]:
        """Ingest: microphones whose reader no longer holds a lease.

        Includes those whose frames have expired: they must still be ended, or their last words would stay provisional.
        """
        taken: Any = self._redis.lrange(keys.TAKEN_MICROPHONES, 0, -1)
        for announcement in taken:  # the worker that took it has died, or is recording it right now; only one succeeds
            with contextlib.suppress(DecodeError):
                self._record(announcement)
        values: Any = self._redis.hgetall(keys.READ_MICROPHONES)
        hellos = []
        for id, value in ((id.decode(), value) for id, value in values.items()):
            if self._redis.exists(keys.lease(source_name(Kind.MICROPHONE, id))):
                continue
            try:
                hellos.append(Hello.decode(value))
            except DecodeError:  # from another version, whose workers may continue it while there are frames
                if not self._redis.exists(keys.microphone(id)):
                    self.mark_ended(id)
        return hellos

    def frames(self, id: str, after: bytes, timeout_s: float) -> tuple[list[Frame], bool]:
        """Ingest: frames after stream entry `after` (b"0" at first).

        Returns:
            Frames, and whether the microphone was closed after them, or is so old that its connections have expired.
        """
        answer: Any = self._redis.xread({keys.microphone(id): after}, count=200, block=max(1, round(timeout_s * 1000)))
        items = answer.items() if isinstance(answer, dict) else answer or []
        for _, entries in items:
            frames = [_frame(entry, fields) for entry, fields in entries if b"end" not in fields]
            return frames, len(frames) < len(entries)
        return [], not self._redis.exists(keys.microphone_connections(id))

    def _record(self, announcement: bytes) -> Hello | None:
        """Record that a taken microphone is being read; None if another worker has done so."""
        try:
            hello = Hello.decode(announcement)
        except DecodeError:
            self._redis.lrem(keys.TAKEN_MICROPHONES, 0, announcement)  # type: ignore[arg-type]
            raise
        recorded = self._redis.eval(_RECORD, 2, keys.TAKEN_MICROPHONES, keys.READ_MICROPHONES, hello.id, announcement)
        return hello if recorded else None

    def _append(
        self, id: str, name: bytes, value: bytes, connection: int, duration_s: float = 0.0, up_to: str = ""
    ) -> bool:
        arguments = (connection, FRAMES_TTL_S, FRAMES_LIMIT, duration_s, name, value, up_to)
        return bool(self._redis.eval(_APPEND, 2, *_keys(id), *arguments))


def _keys(id: str) -> tuple[str, str]:
    return keys.microphone_connections(id), keys.microphone(id)


def _frame(entry: bytes, fields: dict[bytes, bytes]) -> Frame:
    connection = int(fields.get(b"connection", b"1"))  # earlier versions had only one
    return Frame(entry, fields.get(b"pcm", b""), connection, b"broken" in fields, b"gapless" in fields)
