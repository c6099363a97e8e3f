"""Successive waiting chunks are decoded together, without losing anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest

from tests.fakes import ScriptedEngine, chunks
from tests.integration.bench import Bench, drain_at_once, put, words
from tests.integration.minute import PCM, TEXTS
from transcriber.engine import Recognition, Utterance
from wire.audio import SAMPLE_RATE_HZ
from wire.bus import Redis
from wire.captions import CaptionLog
from wire.queue import ChunkQueue


class Hasty(ScriptedEngine):
    """Stops early in a long window: it returns only the first words."""

    def transcribe(self, utterances: Sequence[Utterance]) -> list[Recognition]:
        heard = super().transcribe(utterances)
        return [
            Recognition({language: dataclasses.replace(h, words=h.words[:3]) for language, h in one.hypotheses.items()})
            if len(utterance.audio) > 7 * SAMPLE_RATE_HZ
            else one
            for utterance, one in zip(utterances, heard, strict=True)
        ]


@pytest.mark.parametrize("source", ["jobs/1", "stations/late"])
def test_waiting_chunks_are_decoded_in_the_fewest_windows(redis: Redis, source: str) -> None:
    put(redis, *chunks(source, PCM))
    engine = ScriptedEngine(context_s=30.0)
    bench = Bench(redis, engine).drain()
    assert words(redis, source) == TEXTS
    assert sum(engine.batches) == 3
    assert bench.count("chunks_total", outcome="transcribed") == 12
    assert bench.count("audio_seconds_total", kind=source.partition("/")[0]) == 60.0


def test_a_gpu_takes_more_of_a_recording_at_once(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    engine = ScriptedEngine(context_s=30.0, device="cuda:0")
    Bench(redis, engine, batch_size=2).drain()
    assert words(redis, "jobs/1") == TEXTS
    assert engine.batches == [1, 2], "two chunks, from which the length is known, then ten in two windows"


def test_long_chunks_are_taken_only_as_fit_into_a_batch(redis: Redis) -> None:
    put(redis, *chunks("jobs/2", PCM[: len(PCM) // 100]), *chunks("jobs/1", PCM, chunk_s=10.0, lead_s=2.0))
    engine = ScriptedEngine(context_s=30.0, device="cuda:0")
    transcriber = Bench(redis, engine, batch_size=1).transcriber
    assert [transcriber.step(block_s=0) for _ in range(5)] == [1, 1, 2, 2, 1], (
        "a single short last chunk does not set the length"
    )
    assert engine.batches == [1] * 5
    assert words(redis, "jobs/1") == TEXTS


def test_live_chunks_are_limited_to_the_batch_size(redis: Redis) -> None:
    put(redis, *(chunk for n in range(6) for chunk in chunks(f"stations/{n}", PCM)[:1]))
    engine = ScriptedEngine(context_s=30.0, device="cuda:0")
    assert Bench(redis, engine, batch_size=2).transcriber.step(block_s=0) == 2


def test_incomplete_long_window_is_decoded_again_by_chunk(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    engine = Hasty(context_s=30.0)
    bench = Bench(redis, engine).drain()
    assert words(redis, "jobs/1") == TEXTS
    assert engine.batches == [2, 8, 1, 4]
    assert bench.count("chunks_total", outcome="transcribed") == 12
    assert bench.count("audio_seconds_total", kind="jobs") == 60.0


def test_failed_window_is_decoded_again_by_chunk(redis: Redis) -> None:
    def fail(utterances: Sequence[Utterance]) -> None:
        if any(len(utterance.audio) > 7 * SAMPLE_RATE_HZ for utterance in utterances):
            raise RuntimeError("no room for that")

    put(redis, *chunks("jobs/1", PCM))
    Bench(redis, ScriptedEngine(fail, context_s=30.0)).drain()
    assert words(redis, "jobs/1") == TEXTS


def test_failed_chunk_is_no_longer_renewed_while_its_batch_continues(
    redis: Redis, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[set[str]] = []

    def before(utterances: Sequence[Utterance]) -> None:
        if len(utterances[0].audio) < 5 * SAMPLE_RATE_HZ:
            raise RuntimeError("boom")
        since = len(renewed) + 1  # one renewal may be in progress
        wait_until(lambda: len(renewed) > since)
        bench.transcriber.stop()

    put(redis, *chunks("jobs/1", PCM[: len(PCM) // 24]), chunks("jobs/2", PCM)[0])
    bench = Bench(redis, ScriptedEngine(before, context_s=30.0), batch_size=1, renew_every_s=0.01)
    monkeypatch.setattr(
        bench.queue, "renew", lambda _, held: renewed.append({delivery.chunk.source for delivery in held})
    )
    bench.transcriber.run()
    assert renewed[-1] == {"jobs/2"}


def test_three_workers_with_grouped_chunks_give_the_captions_of_one(redis: Redis, redis_url: str) -> None:
    sources = ("stations/one", "stations/two", "jobs/1")
    for source in sources:
        put(redis, *chunks(source, PCM))
    drain_at_once(redis_url, ScriptedEngine(context_s=30.0), 3)
    for source in sources:
        assert words(redis, source) == TEXTS
        assert CaptionLog(redis).progress(source).next_seq == 12


def test_stopping_worker_releases_chunks_to_be_decoded_again(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    engine = Hasty(context_s=30.0)
    bench = Bench(redis, engine)
    engine.before = lambda utterances: bench.transcriber.stop()
    bench.transcriber.step(block_s=0)
    assert engine.batches == [2], "the current batch"
    other = Bench(redis, ScriptedEngine(), "transcriber-1").drain()
    assert words(redis, "jobs/1") == TEXTS
    assert other.count("claimed_total") == 8


def test_new_chunks_alternate_with_those_of_a_dead_worker(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    put(redis, *chunks("jobs/1", PCM)[:3])
    assert len(queue.take("dead", 3, block_s=0)) == 3
    put(redis, *chunks("stations/a", PCM)[:3])
    bench = Bench(redis, ScriptedEngine(), batch_size=1)
    log, settled = CaptionLog(redis), []
    while bench.transcriber.step(block_s=0):
        settled.append((log.progress("jobs/1").next_seq, log.progress("stations/a").next_seq))
    assert settled == [(1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (3, 3)]
