"""The chunk queue: Redis streams with one consumer group, for live chunks, the first minute of each upload, the rest.

An entry leaves the queue only when its captions are committed (`CaptionLog.commit` acknowledges and deletes it in the
same transaction), so the chunks of a killed worker stay pending and another worker claims them. A delivery carries the
number of times its chunk was delivered: above `max_deliveries`, the worker buries the chunk instead of trying again.

The first minute of an upload precedes the queued rest of others, so a short recording does not wait for hours of audio.

A separate stream holds partial chunks, which are not complete yet. They are served after live chunks when workers have
time for them, and are removed as soon as they are taken: losing one does no harm.

All streams are bounded. A full upload stream raises `QueueFull`, and decoding waits; a full live stream accepts the
chunk without its audio, as a gap, so that its place in the sequence is kept and later chunks do not wait for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from wire import keys
from wire.bus import Redis, RedisError
from wire.chunk import Chunk
from wire.errors import DecodeError, QueueFull
from wire.settling import bury, settle

#: The streams of complete chunks, in the order in which they are served.
STREAMS = (keys.LIVE_CHUNKS, keys.OPENING_CHUNKS, keys.UPLOAD_CHUNKS)

#: Number of chunks in the opening of an upload: a minute, with chunks of 5 s.
OPENING = 12

#: Maximum number of waiting partial chunks. More could not be decoded in time.
PARTIAL_LIMIT = 64

#: Maximum age of a partial chunk, in seconds: under load, those superseded by a newer one of their source are dropped.
PARTIAL_AGE_S = 1.5

#: A partial chunk that has waited this long, in seconds, shows that transcribers have no time for them or ignore them.
_IDLE_AGE_S = 1.0

_OLDEST_AGE_MS = """
local entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
if not entries[1] then return 0 end
local now = redis.call('TIME')
return math.max(0, now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(entries[1][1], '^%d+')))
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A chunk delivered to a worker, to be committed or buried."""

    stream: str
    entry_id: bytes
    chunk: Chunk
    deliveries: int = 1  # number of deliveries, including this one
    damage: str = ""  # why the entry could not be decoded; `chunk` is then a gap in its place


@dataclass(frozen=True, slots=True)
class Load:
    """Length and age of one stream."""

    stream: str
    length: int  # entries, taken or not
    age_s: float  # of the oldest


class ChunkQueue:
    """Producers `put`; workers `take`, `renew` while they work, and `claim` what dead workers left.

    Args:
        live_limit: maximum number of entries with audio in the live stream (one is 224 kB with 2 s of lead).
        upload_limit: maximum number of entries in each upload stream: two GPUs may hold 40 each.
        claim_after_s: a chunk that was not renewed for this long belongs to a dead worker.
        max_deliveries: a chunk delivered more often is not tried again.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        live_limit: int = 400,
        upload_limit: int = 128,
        claim_after_s: float = 10.0,
        max_deliveries: int = 3,
    ) -> None:
        self._redis = redis
        self._live_limit = live_limit
        self._upload_limit = upload_limit
        self._claim_after_ms = round(claim_after_s * 1000)
        self.max_deliveries = max_deliveries
        self._oldest_age_ms = redis.register_script(_OLDEST_AGE_MS)

    def put(self, chunk: Chunk, *, also: Callable[[Any], None] = lambda pipeline: None) -> Chunk:
        """Append a chunk and return it as it was queued (without audio if the live stream was full).

        Args:
            also: adds commands to the transaction that appends it; not called for a partial chunk.

        Raises:
            QueueFull: its upload stream is full, or the live stream has no room even for gaps.
        """
        if chunk.partial:
            self._put_partial(chunk)
            return chunk
        stream = stream_of(chunk)
        length = int(self._redis.xlen(stream))
        if not chunk.live and length >= self._upload_limit:
            raise QueueFull(f"{length} upload chunks are waiting to be transcribed")
        if chunk.live and length >= self._live_limit:
            if length >= 4 * self._live_limit:
                raise QueueFull(f"{length} live chunks are waiting: is a transcriber running?")
            chunk = chunk.without_audio("overflow")
        pipe = self._redis.pipeline()
        pipe.xadd(stream, chunk.encode())  # type: ignore[arg-type]
        also(pipe)
        pipe.execute()
        return chunk

    def take(
        self, worker: str, count: int, block_s: float = 1.0, *, uploads: int = 0, partials: int = 0
    ) -> list[Delivery]:
        """Take up to `count` new chunks, live ones first, waiting up to `block_s` seconds for the first.

        A call that had to wait may return more than `count` chunks: the first one of each stream.

        Args:
            uploads: take upload chunks until there are this many in total, if that is more than `count`.
            partials: maximum number of partial chunks among `count`. They do not reduce the number of upload chunks, as
                there may be a never-ending supply of partial ones.
        """
        taken = self._read_in_order(worker, count, uploads, partials)
        if not taken and block_s > 0:
            # COUNT applies to each stream: with more than one, upload chunks would be taken before live ones.
            streams = (*STREAMS, keys.PARTIAL_CHUNKS) if partials else STREAMS
            taken = self._read(worker, streams, 1, max(1, round(block_s * 1000)))
            if taken and len(taken) < max(count, uploads):
                taken += self._read_in_order(worker, count - len(taken), uploads - len(taken), partials - 1)
        return taken

    def claim(self, worker: str, count: int) -> list[Delivery]:
        """Claim up to `count` chunks of dead workers, with their numbers of deliveries; drop their partial chunks."""
        self._settle_partials(worker)
        claimed: list[Delivery] = []
        for stream in STREAMS:
            if len(claimed) >= count:
                break
            try:
                entries = self._claim(worker, stream, count - len(claimed))
            except ResponseError as error:
                self._create_groups(error)
                continue
            claimed += self._decode(stream, entries, self._deliveries(stream, worker, [e for e, _ in entries]))
        return claimed

    def renew(self, worker: str, deliveries: Sequence[Delivery]) -> None:
        """Mark chunks as still being processed by `worker`, so that no other worker claims them."""
        for stream in STREAMS:
            ids = [d.entry_id for d in deliveries if d.stream == stream]
            if ids:
                # JUSTID resets the idle time without counting a delivery.
                self._redis.xclaim(stream, keys.GROUP, worker, 0, ids, justid=True)  # type: ignore[arg-type]

    def release(self, worker: str, deliveries: Iterable[Delivery]) -> None:
        """Return unprocessed chunks, to be claimed immediately: for a worker that shuts down."""
        for delivery in deliveries:
            self._redis.xclaim(
                delivery.stream, keys.GROUP, worker, 0, [delivery.entry_id], idle=self._claim_after_ms, justid=True
            )

    def partials_ignored(self) -> bool:
        """Return True if no worker takes partial chunks, so that producers should stop sending them."""
        age_s = self._age_s(keys.PARTIAL_CHUNKS)
        if age_s > _IDLE_AGE_S:
            self._redis.xtrim(keys.PARTIAL_CHUNKS, maxlen=1, approximate=False)  # one entry is enough to see its age
        return age_s > _IDLE_AGE_S

    def load(self) -> list[Load]:
        """Length and age of each stream of complete chunks."""
        return [Load(stream, int(self._redis.xlen(stream)), self._age_s(stream)) for stream in STREAMS]

    def _age_s(self, stream: str) -> float:
        """Age of the oldest entry, by Redis's clock; 0 if there is none."""
        return float(self._oldest_age_ms(keys=[stream])) / 1000

    def _put_partial(self, chunk: Chunk) -> None:
        fields: Any = chunk.encode()
        entry_id: Any = self._redis.xadd(keys.PARTIAL_CHUNKS, fields, maxlen=PARTIAL_LIMIT, approximate=False)
        oldest_ms = int(entry_id.split(b"-")[0]) - round(PARTIAL_AGE_S * 1000)  # both by Redis's clock
        self._redis.xtrim(keys.PARTIAL_CHUNKS, minid=oldest_ms, approximate=False)

    def _read_in_order(self, worker: str, count: int, uploads: int, partials: int) -> list[Delivery]:
        live = self._read(worker, [keys.LIVE_CHUNKS], count, None) if count > 0 else []
        most = min(partials, count - len(live))
        ahead = self._read(worker, [keys.PARTIAL_CHUNKS], most, None) if most > 0 else []
        taken: list[Delivery] = []
        for stream in (keys.OPENING_CHUNKS, keys.UPLOAD_CHUNKS):
            if (most := max(count, uploads) - len(live) - len(taken)) > 0:
                taken += self._read(worker, [stream], most, None)
        return [*live, *ahead, *taken]

    def _settle_partials(self, worker: str) -> None:
        """Delete partial chunks left behind by dead workers: while any remains, `partials_ignored` would be True."""
        try:
            ids: Any = self._redis.xautoclaim(
                keys.PARTIAL_CHUNKS, keys.GROUP, worker, self._claim_after_ms, justid=True, count=PARTIAL_LIMIT
            )
        except ResponseError as error:
            self._create_groups(error)
            return
        if ids:
            settle(self._redis, keys.PARTIAL_CHUNKS, *ids)

    def _claim(self, worker: str, stream: str, count: int) -> list[Any]:
        """Claim entries of one stream held by dead workers."""
        entries: list[Any] = []
        cursor = b"0-0"
        while len(entries) < count:
            # One call scans at most ten times COUNT pending entries, which may all belong to live workers: continue.
            answer: Any = self._redis.xautoclaim(
                stream, keys.GROUP, worker, self._claim_after_ms, cursor, count=count - len(entries)
            )
            # Redis 6.2 returns two elements and nil for a deleted entry; Redis 7 returns three and omits it.
            entries += [(entry_id, fields) for entry_id, fields in answer[1] if fields]
            cursor = answer[0]
            if cursor == b"0-0":
                break
        return entries

    def _read(self, worker: str, streams: Sequence[str], count: int, block_ms: int | None) -> list[Delivery]:
        offsets: Any = dict.fromkeys(streams, ">")
        try:
            answer: Any = self._redis.xreadgroup(keys.GROUP, worker, offsets, count=count, block=block_ms)
        except ResponseError as error:
            self._create_groups(error)
            answer = self._redis.xreadgroup(keys.GROUP, worker, offsets, count=count, block=block_ms)
        items = answer.items() if isinstance(answer, dict) else answer or []  # RESP3 returns a mapping
        taken: list[Delivery] = []
        for stream, entries in items:
            if stream.decode() == keys.PARTIAL_CHUNKS:
                taken += self._take_partials(entries)
            else:
                taken += self._decode(stream.decode(), entries, {})
        return taken

    def _take_partials(self, entries: Iterable[Any]) -> list[Delivery]:
        """Decode partial chunks and remove them from the stream; an undecodable one is dropped, it leaves no gap."""
        taken: list[Delivery] = []
        pipe = self._redis.pipeline()
        for entry_id, fields in entries:
            settle(pipe, keys.PARTIAL_CHUNKS, entry_id)
            with contextlib.suppress(DecodeError):
                taken.append(Delivery(keys.PARTIAL_CHUNKS, entry_id, Chunk.decode(fields)))
        with contextlib.suppress(RedisError):  # must not delay complete chunks that were taken too
            pipe.execute()
        return taken

    def _decode(self, stream: str, entries: Iterable[Any], counts: dict[bytes, int]) -> list[Delivery]:
        deliveries = []
        for entry_id, fields in entries:
            count = counts.get(entry_id, 1)
            try:
                deliveries.append(Delivery(stream, entry_id, Chunk.decode(fields), count))
            except DecodeError as error:
                try:
                    gap = Chunk.decode_as_gap(fields)
                    deliveries.append(Delivery(stream, entry_id, gap, count, f"undecodable: {error}"))
                except DecodeError:
                    # Its source is unknown. Bury it, or it would be claimed forever.
                    bury(self._redis, stream, entry_id, fields, "undecodable")
        return deliveries

    def _deliveries(self, stream: str, worker: str, ids: list[bytes]) -> dict[bytes, int]:
        if not ids:
            return {}
        pending: Any = self._redis.xpending_range(stream, keys.GROUP, ids[0], ids[-1], count=1000, consumername=worker)
        return {entry["message_id"]: int(entry["times_delivered"]) for entry in pending}

    def _create_groups(self, error: ResponseError) -> None:
        if "NOGROUP" not in str(error):
            raise error
        for stream in (*STREAMS, keys.PARTIAL_CHUNKS):
            try:
                self._redis.xgroup_create(stream, keys.GROUP, id="0", mkstream=True)
            except ResponseError as exists:
                if "BUSYGROUP" not in str(exists):
                    raise


def stream_of(chunk: Chunk) -> str:
    """The stream that a chunk is queued in."""
    if chunk.live:
        return keys.LIVE_CHUNKS
    return keys.OPENING_CHUNKS if chunk.seq < OPENING else keys.UPLOAD_CHUNKS
