"""Failing and unsupported chunks become gaps with a reason, and the rest continues."""

from __future__ import annotations

import dataclasses
import logging
import weakref
from collections.abc import Sequence

import numpy as np
import pytest
from redis.exceptions import ConnectionError

from tests.fakes import ScriptedEngine, chunks, numbers
from tests.integration.bench import Bench, put, shown, words
from tests.integration.minute import IN_THIRD, PCM, TEXTS
from transcriber.engine import Utterance
from wire import keys
from wire.bus import Redis
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.errors import ModelError, Unsupported
from wire.messages import Content, Job, Kind, State, Status, Task
from wire.queue import ChunkQueue
from wire.sources import Jobs, Statuses


def refuses(word: int) -> ScriptedEngine:
    """An engine that raises for every batch with this word."""

    def before(utterances: Sequence[Utterance]) -> None:
        if any(word in numbers(u.audio) for u in utterances):
            raise RuntimeError("boom")

    return ScriptedEngine(before)


def test_failing_chunk_does_not_affect_its_batch(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    bench = Bench(redis, refuses(IN_THIRD)).drain()
    [(_, fields)] = redis.xrange(keys.DEAD_CHUNKS)  # type: ignore[misc]
    assert (Chunk.decode(fields).seq, fields[b"reason"]) == (2, b"RuntimeError('boom')")
    assert CaptionLog(redis).progress("jobs/1").finished
    assert [c.reason for c in shown(redis, "jobs/1") if c.content is Content.GAP] == ["failed"]
    assert bench.count("chunks_total", outcome="dead") == 1
    assert bench.count("chunks_total", outcome="transcribed") == 11
    assert bench.count("claimed_total") == 2, "it was tried three times"


def test_memory_of_a_failed_batch_is_released_before_the_retries(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM)[:3])
    held: list[weakref.ref[object]] = []
    free: list[bool] = []

    def before(utterances: Sequence[Utterance]) -> None:
        states = np.zeros(len(utterances))
        if len(utterances) > 1:
            held.append(weakref.ref(states))
            raise MemoryError("CUDA out of memory")
        free.append(held[0]() is None)

    Bench(redis, ScriptedEngine(before)).drain()
    assert free == [True, True, True]


def test_engine_that_fails_on_every_chunk_stops_the_worker(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))

    def before(utterances: Sequence[Utterance]) -> None:
        raise RuntimeError("CUDA error")

    bench = Bench(redis, ScriptedEngine(before), claim_after_s=60.0)
    with pytest.raises(ModelError, match="CUDA error"):
        bench.drain()
    assert redis.xlen(keys.DEAD_CHUNKS) == 0, "another worker may do better"


@pytest.mark.parametrize("seq", [2, 11])
def test_a_job_ends_although_a_chunk_cannot_be_decoded(redis: Redis, seq: int) -> None:
    """Even if it is the last one."""
    made = chunks("jobs/1", PCM)
    for number, chunk in enumerate(made):
        fields = chunk.encode()
        redis.xadd(keys.UPLOAD_CHUNKS, {**fields, b"pcm": b"half"} if number == seq else fields)  # type: ignore[arg-type]
    Bench(redis, ScriptedEngine()).drain()
    assert CaptionLog(redis).progress("jobs/1").finished
    [gap] = [caption for caption in shown(redis, "jobs/1") if caption.content is Content.GAP]
    assert (gap.start_s, gap.reason) == (made[seq].start_s, "failed")
    assert made[seq].end_s - 1.5 < gap.end_s <= made[seq].end_s, "the next window repeats the rest"
    [(_, fields)] = redis.xrange(keys.DEAD_CHUNKS)  # type: ignore[misc]
    assert fields[b"reason"].startswith(b"undecodable: not a Chunk")
    assert not any(load.length for load in ChunkQueue(redis).load())


def test_unsupported_chunk_is_a_gap_with_a_reason(redis: Redis) -> None:
    def check(language: str | None, task: Task) -> None:
        if language == "fi":
            raise Unsupported("this model does not support the language 'fi'", "language")
        if task == "translate":
            raise Unsupported("this model cannot translate", "task")

    finnish = [dataclasses.replace(chunk, language="fi") for chunk in chunks("jobs/fi", PCM)]
    into_english = [dataclasses.replace(chunk, task="translate") for chunk in chunks("stations/sv", PCM)]
    put(redis, *chunks("jobs/1", PCM), *finnish, *into_english)
    engine = ScriptedEngine(check=check)
    bench = Bench(redis, engine, batch_size=36).drain()
    assert engine.batches == [12], "supported chunks are not decoded one by one"
    assert words(redis, "jobs/1") == TEXTS
    for source, reason in (("jobs/fi", "language"), ("stations/sv", "task")):
        assert [(c.content, c.reason) for c in shown(redis, source)] == [(Content.GAP, reason)]
    assert CaptionLog(redis).progress("jobs/fi").finished
    reasons = {fields[b"reason"] for _, fields in redis.xrange(keys.DEAD_CHUNKS)}  # type: ignore[misc]
    assert reasons == {b"this model does not support the language 'fi'", b"this model cannot translate"}
    assert bench.count("claimed_total") == 0, "a retry would not help"


def test_unsupported_job_fails_with_advice(redis: Redis) -> None:
    def check(language: str | None, task: Task) -> None:
        if task == "translate":
            raise Unsupported("this model cannot translate", "task")

    jobs = Jobs(redis)
    jobs.save(Job("1", 1.0, task="translate", state=State.RUNNING))
    jobs.save(Job("2", 2.0, task="translate", state=State.CANCELLED))
    for source in ("jobs/1", "jobs/2", "jobs/forgotten"):
        put(redis, *(dataclasses.replace(chunk, task="translate") for chunk in chunks(source, PCM)))
    Bench(redis, ScriptedEngine(check=check), batch_size=36).drain()
    why = "this model cannot translate; leave out the task, or set MODEL to a model that supports it"
    assert (jobs.get("1").state, jobs.get("1").error) == (State.FAILED, why)
    status = Statuses(redis).get(Kind.JOB, "1")
    assert (status.state, status.detail) == (State.FAILED, why)
    assert jobs.get("2").state is State.CANCELLED
    assert jobs.change("1", state=State.RUNNING).state is State.FAILED, "its decoder sees that it has failed"


def test_unsupported_live_source_has_a_remark_until_a_model_supports_it(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    def check(language: str | None, task: Task) -> None:
        if language == "de":
            raise Unsupported(lack, "language")

    lack = "this model does not support the language 'de'; it supports en and sv"
    german = [dataclasses.replace(chunk, language="de") for chunk in chunks("microphones/1", PCM)]
    put(redis, *german[:4])
    Bench(redis, ScriptedEngine(check=check)).drain()
    why = f"{lack}; leave out the language, or set MODEL to a model that supports it"
    logged = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert logged == [f"no captions of microphones/1: {why}"]
    statuses = Statuses(redis)
    statuses.save(Status("microphones/1", State.RUNNING))
    assert statuses.get(Kind.MICROPHONE, "1").detail == f"no captions: {why}"

    put(redis, *german[4:])
    Bench(redis, ScriptedEngine()).drain()
    assert words(redis, "microphones/1")[-3:] == TEXTS[-3:]


def test_results_before_a_failed_chunk_are_kept_if_redis_becomes_unavailable(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(redis, *chunks("jobs/1", PCM)[:4])
    bench = Bench(redis, refuses(IN_THIRD))

    def fail(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(bench.queue, "release", fail)
    with pytest.raises(ConnectionError):
        bench.drain()
    assert CaptionLog(redis).progress("jobs/1").next_seq == 2


def test_beginning_and_end_of_an_outage_are_logged_once(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "transcriber.worker")
    bench = Bench(redis, ScriptedEngine())
    steps = iter([ConnectionError("gone"), ConnectionError("gone"), None, None])

    def step() -> None:
        try:
            error = next(steps)
        except StopIteration:
            bench.transcriber.stop()
            return
        if error:
            raise error

    monkeypatch.setattr(bench.transcriber, "step", step)
    bench.transcriber.run()
    assert [record.message.partition(",")[0] for record in caplog.records] == [
        "Redis is unreachable",
        "Redis is reachable again",
    ]
