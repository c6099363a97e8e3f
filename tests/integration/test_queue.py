"""The chunk queue on a real Redis: order, bounds, and the chunks of dead workers."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import pytest

from wire import keys
from wire.audio import SAMPLE_BYTES
from wire.bus import Redis, connect
from wire.chunk import Chunk
from wire.errors import QueueFull
from wire.messages import Content
from wire.queue import OPENING, PARTIAL_AGE_S, PARTIAL_LIMIT, STREAMS, ChunkQueue, Delivery
from wire.settling import settle

#: No minimum idle time: any pending chunk may be claimed.
AT_ONCE = 0.0


def chunk(source: str = "stations/demo", seq: int = 0) -> Chunk:
    return Chunk(source, 1, seq, seq * 5.0, 4, pcm=b"\1\0" * 4, captured_s=1000.0 + seq)


def seqs(deliveries: list[Delivery]) -> list[int]:
    return [d.chunk.seq for d in deliveries]


def finish(redis: Redis, deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        settle(redis, delivery.stream, delivery.entry_id)


def test_chunks_are_taken_in_the_order_in_which_they_were_put(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    sent = [queue.put(chunk(seq=seq)) for seq in range(5)]
    assert [d.chunk for d in queue.take("a", 3)] == sent[:3]
    assert [d.chunk for d in queue.take("b", 3)] == sent[3:]
    assert queue.take("a", 3, block_s=0) == []


def test_live_chunks_precede_older_upload_chunks(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    for seq in range(3):
        queue.put(chunk("jobs/1", seq))
    for seq in range(3):
        queue.put(chunk("stations/demo", seq))
    taken = queue.take("a", 4)
    assert [d.chunk.source for d in taken] == ["stations/demo"] * 3 + ["jobs/1"]


def test_worker_that_waited_takes_live_chunks_first(redis: Redis, redis_url: str) -> None:
    queue = ChunkQueue(redis)
    queue.take("a", 1, block_s=0)  # makes the groups
    for seq in range(3):
        queue.put(chunk("jobs/1", seq))
        queue.put(chunk("stations/demo", seq))
    taken = queue.take("a", 3, block_s=5)
    assert [d.chunk.source for d in taken] == ["stations/demo"] * 3


def test_opening_of_an_upload_precedes_the_rest_of_another(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    for seq in range(OPENING + 3):
        queue.put(chunk("jobs/long", seq))
    assert seqs(queue.take("a", OPENING)) == [*range(OPENING)]
    for seq in range(3):
        queue.put(chunk("jobs/short", seq))
    queue.put(chunk("stations/demo", 0))
    taken = queue.take("a", 9)
    assert [d.chunk.source for d in taken] == ["stations/demo"] + ["jobs/short"] * 3 + ["jobs/long"] * 3


def ahead(seq: int = 0, source: str = "stations/demo") -> Chunk:
    return dataclasses.replace(chunk(source, seq), partial=True)


def test_partial_chunks_follow_live_ones_and_precede_uploads(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    for one in (chunk("jobs/1"), ahead(1), ahead(2), chunk("stations/demo")):
        queue.put(one)
    assert [(d.chunk.source, d.chunk.seq, d.chunk.partial) for d in queue.take("a", 4, partials=1)] == [
        ("stations/demo", 0, False),
        ("stations/demo", 1, True),
        ("jobs/1", 0, False),
    ]
    assert queue.take("a", 4, block_s=0.05) == [], "there is no time for partial chunks"
    assert seqs(queue.take("a", 4, partials=2)) == [2]


def test_waiting_worker_is_woken_by_a_partial_chunk(redis: Redis, redis_url: str) -> None:
    queue = ChunkQueue(redis)
    queue.take("a", 1, block_s=0)  # makes the groups
    found: list[Delivery] = []
    with connect(redis_url) as client:
        waiting = threading.Thread(target=lambda: found.extend(ChunkQueue(client).take("b", 2, block_s=20, partials=2)))
        waiting.start()
        queue.put(ahead())
        waiting.join()
    assert [d.chunk.partial for d in found] == [True]


def test_taken_partial_chunks_are_deleted_and_few_wait(redis: Redis) -> None:
    queue = ChunkQueue(redis, claim_after_s=AT_ONCE)
    for seq in range(PARTIAL_LIMIT + 9):
        queue.put(ahead(seq))
    assert seqs(queue.take("a", 200, partials=200)) == [*range(9, PARTIAL_LIMIT + 9)]
    assert queue.claim("b", 200) == []
    assert int(redis.xlen(keys.PARTIAL_CHUNKS)) == 0
    assert redis.xpending(keys.PARTIAL_CHUNKS, keys.GROUP)["pending"] == 0
    assert [load.length for load in queue.load()] == [0, 0, 0]


def test_undecodable_partial_chunk_leaves_no_gap(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    for fields in (ahead(1).encode() | {b"pcm": b"cut"}, {b"header": b"{}", b"pcm": b""}):
        redis.xadd(keys.PARTIAL_CHUNKS, fields)  # type: ignore[arg-type]
    queue.put(ahead(2))
    assert seqs(queue.take("a", 8, partials=8)) == [2]
    assert [int(redis.xlen(stream)) for stream in (keys.PARTIAL_CHUNKS, keys.DEAD_CHUNKS)] == [0, 0]
    assert redis.xpending(keys.PARTIAL_CHUNKS, keys.GROUP)["pending"] == 0


def test_partial_chunks_do_not_displace_uploads(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    for seq in range(9):
        queue.put(ahead(seq))
        queue.put(chunk("jobs/1", seq))
    taken = queue.take("a", 4, uploads=4, partials=4)
    assert [d.chunk.partial for d in taken] == [True] * 4 + [False] * 4
    queue.put(chunk("stations/demo"))
    assert [(d.chunk.live, d.chunk.partial) for d in queue.take("a", 4, uploads=4, partials=4)] == [
        (True, False),
        *[(True, True)] * 3,
        *[(False, False)] * 3,
    ]


def test_old_partial_chunks_are_dropped_for_newer_ones(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    now_s, us = redis.time()  # type: ignore[misc]
    now_ms = now_s * 1000 + us // 1000
    for seq, age_s in ((1, PARTIAL_AGE_S + 0.1), (2, 0.1)):
        redis.xadd(keys.PARTIAL_CHUNKS, ahead(seq).encode(), id=f"{now_ms - round(age_s * 1000)}-0")  # type: ignore[arg-type]
    queue.put(ahead(3))
    assert seqs(queue.take("a", 8, partials=8)) == [2, 3]


def test_partial_chunks_are_ignored_until_a_worker_takes_them(redis: Redis, wait_until: Callable[..., None]) -> None:
    queue = ChunkQueue(redis)
    assert not queue.partials_ignored()
    for seq in range(3):
        queue.put(ahead(seq))
    assert not queue.partials_ignored(), "they have only just arrived"
    wait_until(queue.partials_ignored, 20)
    wait_until(queue.partials_ignored, 20)
    assert int(redis.xlen(keys.PARTIAL_CHUNKS)) == 1, "one chunk is kept to measure its age"
    assert seqs(queue.take("a", 4, partials=4)) == [2]
    assert not queue.partials_ignored()


def test_partial_chunks_of_a_dead_worker_do_not_stay_ignored(redis: Redis, wait_until: Callable[..., None]) -> None:
    queue = ChunkQueue(redis, claim_after_s=AT_ONCE)
    queue.put(ahead(1))
    queue.put(ahead(2))
    assert seqs(queue.take("a", 1, partials=1)) == [1]  # makes the groups
    redis.xreadgroup(keys.GROUP, "dead", {keys.PARTIAL_CHUNKS: ">"})
    wait_until(queue.partials_ignored, 20)
    assert queue.take("a", 8, block_s=0, partials=8) == [], "it belongs to the dead worker"
    assert queue.claim("a", 1) == [], "partial chunks are not claimed"
    assert not queue.partials_ignored()
    assert redis.xpending(keys.PARTIAL_CHUNKS, keys.GROUP)["pending"] == 0


def test_dead_worker_holds_no_dropped_partial_chunks(redis: Redis) -> None:
    queue = ChunkQueue(redis, claim_after_s=AT_ONCE)
    assert queue.take("a", 1, block_s=0) == []  # makes the groups
    queue.put(ahead(1))
    redis.xreadgroup(keys.GROUP, "dead", {keys.PARTIAL_CHUNKS: ">"})
    redis.xtrim(keys.PARTIAL_CHUNKS, maxlen=0)
    assert queue.claim("a", 1) == []
    assert redis.xpending(keys.PARTIAL_CHUNKS, keys.GROUP)["pending"] == 0


def test_full_upload_queue_refuses(redis: Redis) -> None:
    queue = ChunkQueue(redis, upload_limit=2)
    queue.put(chunk("jobs/1", 0))
    queue.put(chunk("jobs/1", 1))
    with pytest.raises(QueueFull):
        queue.put(chunk("jobs/1", 2))
    finish(redis, queue.take("a", 1))
    queue.put(chunk("jobs/1", 2))


def test_full_live_queue_drops_audio_but_keeps_the_place(redis: Redis) -> None:
    queue = ChunkQueue(redis, live_limit=2)
    queue.put(chunk(seq=0))
    queue.put(chunk(seq=1))
    shed = queue.put(chunk(seq=2))
    assert (shed.content, shed.reason, shed.pcm) == (Content.GAP, "overflow", b"")
    assert seqs(queue.take("a", 9)) == [0, 1, 2]


def test_even_gaps_are_bounded(redis: Redis) -> None:
    queue = ChunkQueue(redis, live_limit=2)
    for seq in range(8):
        queue.put(chunk(seq=seq))
    with pytest.raises(QueueFull):
        queue.put(chunk(seq=8))
    assert redis.xlen(keys.LIVE_CHUNKS) == 8


def test_chunks_of_a_dead_worker_are_claimed_with_their_count(redis: Redis) -> None:
    queue = ChunkQueue(redis, claim_after_s=AT_ONCE)
    queue.put(chunk(seq=0))
    queue.put(chunk("jobs/1", 0))
    assert len(queue.take("dead", 2)) == 2
    claimed = queue.claim("a", 8)
    assert [(d.chunk.source, d.deliveries) for d in claimed] == [("stations/demo", 2), ("jobs/1", 2)]
    assert [d.deliveries for d in queue.claim("b", 8)] == [3, 3]


def test_renewed_chunks_are_not_claimed(redis: Redis, wait_until: Callable[..., None]) -> None:
    queue = ChunkQueue(redis, claim_after_s=1.0)
    queue.put(chunk(seq=0))
    queue.put(chunk(seq=1))
    kept, left = queue.take("alive", 2)

    def idle_ms(delivery: Delivery) -> int:
        entry: list[dict[str, int]] = redis.xpending_range(  # type: ignore[assignment]
            delivery.stream, keys.GROUP, delivery.entry_id, delivery.entry_id, 1
        )
        return entry[0]["time_since_delivered"]

    wait_until(lambda: idle_ms(left) >= 1000)
    queue.renew("alive", [kept])
    assert seqs(queue.claim("b", 8)) == [left.chunk.seq]
    pending: list[dict[str, int]] = redis.xpending_range(  # type: ignore[assignment]
        kept.stream, keys.GROUP, kept.entry_id, kept.entry_id, 1
    )
    assert pending[0]["times_delivered"] == 1, "renewing does not count as a delivery"


def test_released_chunks_are_claimed_at_once(redis: Redis) -> None:
    queue = ChunkQueue(redis, claim_after_s=60)
    queue.put(chunk())
    taken = queue.take("a", 1)
    assert queue.claim("b", 1) == []
    queue.release("a", taken)
    assert [d.deliveries for d in queue.claim("b", 1)] == [2]


def test_dead_chunk_is_found_behind_many_live_ones(redis: Redis) -> None:
    # XAUTOCLAIM scans ten times COUNT entries in one call.
    queue = ChunkQueue(redis, claim_after_s=60)
    for seq in range(31):
        queue.put(chunk(seq=seq))
    *_, last = queue.take("a", 31)
    queue.release("a", [last])
    assert seqs(queue.claim("b", 1)) == [30]


def test_settled_chunks_are_gone(redis: Redis) -> None:
    queue = ChunkQueue(redis, claim_after_s=AT_ONCE)
    queue.put(chunk())
    taken = queue.take("a", 1)
    finish(redis, taken)
    queue.renew("a", taken)  # the renewing thread may come too late
    queue.release("a", taken)
    assert queue.claim("b", 1) == []
    assert not any(load.length for load in queue.load())


def test_undecodable_entry_goes_to_the_dead_letters(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    redis.xadd(keys.LIVE_CHUNKS, {"header": b"{", "pcm": b""})
    queue.put(chunk())
    assert seqs(queue.take("a", 8)) == [0]
    [(_, fields)] = redis.xrange(keys.DEAD_CHUNKS)  # type: ignore[misc]
    assert fields[b"reason"] == b"undecodable"


def test_undecodable_chunk_with_readable_place_becomes_a_gap(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    fields = chunk(seq=3).encode()
    redis.xadd(keys.LIVE_CHUNKS, {**fields, b"pcm": b"?"})  # type: ignore[dict-item]
    redis.xadd(keys.LIVE_CHUNKS, {b"header": fields[b"header"].replace(b"speech", b"applause"), b"pcm": b""})
    for delivery in queue.take("a", 8):
        assert (delivery.chunk.source, delivery.chunk.seq, delivery.chunk.content) == ("stations/demo", 3, Content.GAP)
        assert delivery.damage.startswith("undecodable: not a Chunk")
    assert redis.xlen(keys.DEAD_CHUNKS) == 0, "the worker that took it buries it, and commits its gap"


def test_load_reports_length_and_age(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    assert [(load.stream, load.length, load.age_s) for load in queue.load()] == [(s, 0, 0.0) for s in STREAMS]
    redis.xadd(keys.UPLOAD_CHUNKS, {"header": b"", "pcm": b""}, id="1000-0")
    live, opening, upload = queue.load()
    assert (live.length, opening.length, upload.length) == (0, 0, 1)
    assert upload.age_s > 1_000_000


def test_audio_is_unchanged(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    pcm = bytes(range(256)) * (160_000 // 256)
    sent = Chunk(
        "stations/demo", 2, 7, 1.5, len(pcm) // SAMPLE_BYTES - 10, pcm, lead_samples=10, language="sv", last=True
    )
    queue.put(sent)
    assert queue.take("a", 1)[0].chunk == sent
