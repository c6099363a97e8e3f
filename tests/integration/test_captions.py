"""The caption log on a real Redis: one atomic step per chunk, whatever other workers commit."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from redis.client import Pipeline

from wire import keys
from wire.bus import Redis, connect
from wire.captions import Advance, CaptionLog, latest_revisions
from wire.chunk import Chunk
from wire.errors import UnknownSource
from wire.messages import Caption
from wire.queue import ChunkQueue, Delivery

SOURCE = "stations/demo"


def put(queue: ChunkQueue, n: int, source: str = SOURCE) -> list[Delivery]:
    for seq in range(n):
        queue.put(Chunk(source, 1, seq, seq * 5.0, 1, b"\1\0"))
    return queue.take("a", n)


def caption(id: int, source: str = SOURCE) -> Caption:
    return Caption(source, id, 0, id * 1.0, id + 1.0, f"line {id}", True)


def count(state: bytes | None) -> Advance:
    """A seam that counts chunks and adds a line for each."""
    number = int(state or b"0") + 1
    return Advance(str(number).encode(), (caption(number),), epoch=1, next_seq=number, until_s=number * 5.0)


def test_commit_writes_captions_cursor_and_state_and_settles_the_chunk(redis: Redis) -> None:
    queue, log = ChunkQueue(redis, claim_after_s=0), CaptionLog(redis)
    first, second = put(queue, 2)
    [written] = log.commit([first], count)
    assert (written.event, written.text) == (1, "line 1")
    assert written.committed_s > 0
    log.commit([second], count)
    assert [c.text for c in log.read(SOURCE)] == ["line 1", "line 2"]
    progress = log.progress(SOURCE)
    assert (progress.event, progress.epoch, progress.next_seq, progress.until_s) == (2, 1, 2, 10.0)
    assert queue.claim("b", 8) == []
    assert queue.load()[0].length == 0


def test_commit_settles_several_chunks_in_one_step(redis: Redis) -> None:
    queue, log = ChunkQueue(redis, claim_after_s=0), CaptionLog(redis)
    deliveries = put(queue, 3)
    lines = tuple(map(caption, (1, 2)))
    log.commit(deliveries, lambda state: Advance(b"3", lines, epoch=1, next_seq=3, until_s=15.0))
    assert [(c.event, c.text) for c in log.read(SOURCE)] == [(1, "line 1"), (2, "line 2")]
    assert log.progress(SOURCE).next_seq == 3
    assert queue.claim("b", 8) == []
    assert queue.load()[0].length == 0


def test_progress_lists_languages_longest_spoken_first(redis: Redis) -> None:
    log = CaptionLog(redis)
    said = [("sv", 2.0, True), ("en", 5.0, True), ("sv", 4.0, True), ("fi", 60.0, False), (None, 9.0, True)]
    assert log.progress(SOURCE).languages == ()
    for delivery, (language, length_s, final) in zip(put(ChunkQueue(redis), len(said)), said, strict=True):
        one = dataclasses.replace(caption(1), language=language, start_s=0.0, end_s=length_s, final=final)
        log.commit([delivery], lambda state, one=one: Advance(b"1", (one,), 1, 1, 5.0))  # type: ignore[misc]
    assert log.progress(SOURCE).languages == ("sv", "en")
    log.delete(SOURCE)
    assert log.progress(SOURCE).languages == ()


def test_step_that_changes_nothing_only_settles_the_chunk(redis: Redis) -> None:
    queue, log = ChunkQueue(redis, claim_after_s=0), CaptionLog(redis)
    [delivery] = put(queue, 1)
    assert log.commit([delivery], lambda state: None) == ()
    assert log.read(SOURCE) == []
    assert not redis.exists(keys.seam(SOURCE))
    assert queue.claim("b", 8) == []


def test_concurrent_commits_to_one_source_are_serialised(redis: Redis, redis_url: str) -> None:
    chunks, threads = 60, 4
    deliveries = put(ChunkQueue(redis), chunks)
    clients = [connect(redis_url) for _ in range(threads)]

    def work(number: int) -> None:
        log = CaptionLog(clients[number])
        for delivery in deliveries[number::threads]:
            log.commit([delivery], count)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    captions = CaptionLog(redis).read(SOURCE)
    assert [c.id for c in captions] == [c.event for c in captions] == list(range(1, chunks + 1))
    for client in clients:
        client.close()


def test_overtaken_commit_sees_the_other_state(redis: Redis) -> None:
    log = CaptionLog(redis)
    first, second = put(ChunkQueue(redis), 2)
    seen: list[bytes | None] = []

    def overtaken(state: bytes | None) -> Advance:
        seen.append(state)
        if len(seen) == 1:
            log.commit([first], count)
        return count(state)

    [written] = log.commit([second], overtaken)
    assert seen == [None, b"1"]
    assert written.event == 2


def test_dead_chunk_is_buried_with_its_reason_in_the_same_step(redis: Redis) -> None:
    queue, log = ChunkQueue(redis, claim_after_s=0), CaptionLog(redis)
    [delivery] = put(queue, 1)
    log.commit([delivery], count, dead="boom")
    [(_, fields)] = redis.xrange(keys.DEAD_CHUNKS)  # type: ignore[misc]
    assert fields[b"reason"] == b"boom"
    assert Chunk.decode(fields) == delivery.chunk
    assert [c.text for c in log.read(SOURCE)] == ["line 1"]
    assert queue.load()[0].length == 0


def test_captions_are_published_as_they_are_logged(redis: Redis) -> None:
    with redis.pubsub() as pubsub:
        pubsub.subscribe(keys.live("jobs/1"))
        pubsub.get_message(timeout=5)
        [delivery] = put(ChunkQueue(redis), 1, "jobs/1")

        def last(state: bytes | None) -> Advance:
            return Advance(b"1", (caption(1, "jobs/1"),), finished=True)

        [written] = CaptionLog(redis).commit([delivery], last)
        messages = [pubsub.get_message(timeout=5) for _ in range(2)]
    texts = [json.loads(message["data"]) for message in messages if message]
    assert Caption.from_dict(texts[0]) == written
    assert texts[1] == {"type": "end", "source": "jobs/1"}
    assert CaptionLog(redis).progress("jobs/1").finished


def test_preview_is_published_and_saved_but_not_logged(redis: Redis) -> None:
    log = CaptionLog(redis)
    [delivery] = put(ChunkQueue(redis), 1)
    log.commit([delivery], count)
    with redis.pubsub() as pubsub:
        pubsub.subscribe(keys.live(SOURCE))
        pubsub.get_message(timeout=5)
        [shown] = log.preview(SOURCE, lambda state: Advance((state or b"") + b"+", (caption(2),)))
        message: Any = pubsub.get_message(timeout=5)
    assert Caption.decode(message["data"]) == shown
    assert (shown.partial, shown.event) == (True, 1)
    assert (redis.get(keys.seam(SOURCE)), redis.ttl(keys.seam(SOURCE)) > 0) == (b"1+", True)  # type: ignore[operator]
    assert [c.id for c in log.read(SOURCE)] == [1]
    assert (log.progress(SOURCE).event, log.progress(SOURCE).next_seq) == (1, 1)
    assert log.preview(SOURCE, lambda state: None) == ()


def test_overtaken_preview_is_retried_and_undoes_nothing(redis: Redis) -> None:
    log = CaptionLog(redis)
    first, second = put(ChunkQueue(redis), 2)
    log.commit([first], count)
    seen: list[bytes | None] = []

    def overtaken(state: bytes | None) -> Advance | None:
        seen.append(state)
        if len(seen) == 1:
            log.commit([second], count)
            return Advance(b"old", (caption(2),))
        return None

    assert log.preview(SOURCE, overtaken) == ()
    assert seen == [b"1", b"2"]
    assert redis.get(keys.seam(SOURCE)) == b"2"


def test_log_of_a_live_source_is_bounded_and_that_of_a_job_is_not(redis: Redis) -> None:
    log = CaptionLog(redis, live_events=100)
    for source in (SOURCE, "jobs/1"):
        for delivery in put(ChunkQueue(redis, upload_limit=1000), 300, source):
            log.commit([delivery], lambda state, source=source: Advance(b"", (caption(1, source),)))  # type: ignore[misc]
    assert 100 <= int(redis.xlen(keys.captions(SOURCE))) < 300  # XTRIM ~ removes whole nodes of the stream
    assert redis.xlen(keys.captions("jobs/1")) == 300
    assert [c.event for c in log.latest(SOURCE, 2)] == [299, 300]


def test_reading_continues_after_an_event(redis: Redis) -> None:
    log = CaptionLog(redis)
    for delivery in put(ChunkQueue(redis), 5):
        log.commit([delivery], count)
    assert [c.event for c in log.read(SOURCE, after=2, limit=2)] == [3, 4]
    assert log.read(SOURCE, after=5) == []


def test_keys_of_a_source_expire_and_can_be_deleted(redis: Redis) -> None:
    log = CaptionLog(redis, retention_s=1000)
    [delivery] = put(ChunkQueue(redis), 1)
    log.commit([delivery], count)
    names: list[Callable[[str], str]] = [keys.seam, keys.progress, keys.captions]
    assert all(0 < int(redis.ttl(name(SOURCE))) <= 1000 for name in names)
    log.delete(SOURCE)
    assert not redis.exists(*keys.of_source(SOURCE))
    assert log.progress(SOURCE).event == 0


def test_newest_revision_of_each_caption() -> None:
    older, newer = caption(1), Caption(SOURCE, 1, 1, 1.0, 2.0, "better", True)
    assert [c.text for c in latest_revisions([caption(2), older, newer])] == ["better", "line 2"]


def test_revision_is_appended_and_published(redis: Redis) -> None:
    log = CaptionLog(redis)
    for delivery in put(ChunkQueue(redis), 3):
        log.commit([delivery], count)
    for key in (keys.captions(SOURCE), keys.progress(SOURCE)):
        redis.expire(key, 100)
    redis.set(keys.remark(SOURCE), "the model does not know its language", ex=60)
    watching = redis.pubsub()  # type: ignore[no-untyped-call]
    watching.subscribe(keys.live(SOURCE))
    assert watching.get_message(timeout=5)["type"] == "subscribe"
    for text in ("first", "second"):
        log.revise(SOURCE, 2, lambda before, text=text: dataclasses.replace(before, text=f"{before.text}, {text}"))  # type: ignore[misc]
    assert [(c.event, c.id, c.revision, c.text) for c in log.read(SOURCE, 3)] == [
        (4, 2, 1, "line 2, first"),
        (5, 2, 2, "line 2, first, second"),
    ]
    assert [c.text for c in latest_revisions(log.read(SOURCE))] == ["line 1", "line 2, first, second", "line 3"]
    progress = log.progress(SOURCE)
    assert (progress.event, progress.next_seq, progress.until_s) == (5, 3, 15.0)
    assert json.loads(watching.get_message(timeout=5)["data"])["event"] == 4
    assert min(redis.ttl(keys.captions(SOURCE)), redis.ttl(keys.progress(SOURCE))) > 100, "kept since its last change"
    assert redis.ttl(keys.remark(SOURCE)) <= 60, "its expiry is not renewed"


def test_revising_an_unknown_caption_fails(redis: Redis) -> None:
    log = CaptionLog(redis)
    for source in (SOURCE, "stations/none"):
        for delivery in put(ChunkQueue(redis), 1):
            log.commit([delivery], count)
        with pytest.raises(UnknownSource, match="no caption 12"):
            log.revise(source, 12, lambda before: before)
    assert log.progress(SOURCE).event == 2
    assert not redis.exists(keys.progress("stations/none"), keys.captions("stations/none"))


def test_long_log_is_searched_to_its_beginning(redis: Redis) -> None:
    log = CaptionLog(redis)
    captions = tuple(caption(id) for id in range(1, 2500))
    [delivery] = put(ChunkQueue(redis), 1)
    log.commit([delivery], lambda state: Advance(b"1", captions, 1, 1, 5.0))
    assert log.revise(SOURCE, 1, dataclasses.replace).event == 2500
    assert log.revise(SOURCE, 1, lambda before: before).event == 2500, "an unchanged caption is not logged again"
    assert log.progress(SOURCE).event == 2500


def test_retried_revision_reads_only_new_events(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    log, deliveries = CaptionLog(redis), iter(put(ChunkQueue(redis), 9))

    def commit(*ids: int) -> None:
        log.commit([next(deliveries)], lambda state: Advance(b"1", tuple(map(caption, ids)), 1, 1, 5.0))

    def read_slowly(pipe: Pipeline, *arguments: Any, **options: Any) -> Any:
        entries = read(pipe, *arguments, **options)
        if len(entries) == 1000:
            commit(redis.xlen(keys.captions(SOURCE)) + 1)
        return entries

    commit(*range(1, 2001))
    read = Pipeline.xrevrange
    monkeypatch.setattr(Pipeline, "xrevrange", read_slowly)
    assert log.revise(SOURCE, 1, dataclasses.replace).event == 2003


def test_revision_needs_one_connection(redis: Redis, redis_url: str) -> None:
    for delivery in put(ChunkQueue(redis), 2):
        CaptionLog(redis).commit([delivery], count)
    with connect(redis_url, connections=1, timeout_s=1) as alone:
        assert CaptionLog(alone).revise(SOURCE, 1, dataclasses.replace).event == 3


def test_commit_during_a_revision_is_not_lost(redis: Redis, redis_url: str) -> None:
    deliveries = put(ChunkQueue(redis), 40)
    log = CaptionLog(redis)
    log.commit([deliveries[0]], count)

    def transcribe() -> None:
        other = CaptionLog(connect(redis_url))
        for delivery in deliveries[1:]:
            other.commit([delivery], count)

    thread = threading.Thread(target=transcribe)
    thread.start()
    for _ in range(40):
        log.revise(SOURCE, 1, dataclasses.replace)
    thread.join()
    found = log.read(SOURCE)
    assert [c.event for c in found] == list(range(1, 81))
    assert sorted(c.id for c in found) == sorted([*range(1, 41), *[1] * 40])
    assert [c.revision for c in found if c.id == 1] == list(range(41))
