"""Partial chunks, with a real Redis: previewed when there is time, without disturbing complete ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError

from tests.fakes import ScriptedEngine, chunks
from tests.integration.bench import Bench, put, shown, words
from tests.integration.minute import PCM, TEXTS
from transcriber.engine import Utterance
from transcriber.joining import seam
from wire import keys
from wire.audio import SAMPLE_BYTES, samples
from wire.bus import Redis
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.errors import Unsupported

SOURCE = "stations/demo"
CHUNKS = chunks(SOURCE, PCM)


def beginning(chunk: Chunk, length_s: float = 2.5) -> Chunk:
    """A partial chunk, some seconds after it began."""
    n_samples = samples(length_s)
    pcm = chunk.pcm[: (chunk.lead_samples + n_samples) * SAMPLE_BYTES]
    return dataclasses.replace(chunk, n_samples=n_samples, pcm=pcm, tail_samples=n_samples, last=False, partial=True)


@pytest.fixture
def published(redis: Redis) -> Iterator[Any]:
    """Captions published since the last call."""
    with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(keys.live(SOURCE))
        pubsub.get_message(timeout=5)

        def take() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            while message := pubsub.get_message(timeout=0.2):
                found.append(json.loads(message["data"]))
            return [each for each in found if each["type"] == "caption"]

        yield take


def test_words_are_published_before_their_chunk_is_complete(redis: Redis, published: Any) -> None:
    bench = Bench(redis, ScriptedEngine())
    put(redis, CHUNKS[0])
    bench.drain()
    published()
    put(redis, beginning(CHUNKS[1], 4.0))
    assert bench.transcriber.step(block_s=1) == 1
    ahead = published()
    assert ahead
    assert all(each["partial"] and not each["final"] for each in ahead)
    before = [word.text for caption in shown(redis, SOURCE) for word in caption.words]
    assert len({word["text"] for each in ahead for word in each["words"]} - set(before)) > 2
    put(redis, *CHUNKS[1:])
    bench.drain()
    assert words(redis, SOURCE) == TEXTS
    assert bench.count("partials_total", outcome="shown") == 1
    assert bench.count("chunks_total", outcome="transcribed") == len(CHUNKS)
    assert bench.count("audio_seconds_total", kind="stations") == 60.0


def test_the_first_words_of_a_source_are_shown_too(redis: Redis, published: Any) -> None:
    bench = Bench(redis, ScriptedEngine())
    put(redis, *chunks("stations/other", PCM)[:1])
    bench.drain()  # so that the time per window is known
    put(redis, beginning(CHUNKS[0]))
    bench.drain()
    assert [each["id"] for each in published()] == [1]
    assert shown(redis, SOURCE) == []


def test_only_the_newest_partial_chunk_is_decoded_and_none_that_is_late(redis: Redis) -> None:
    engine = ScriptedEngine()
    bench = Bench(redis, engine)
    put(redis, CHUNKS[0])
    bench.drain()
    engine.batches.clear()
    put(redis, beginning(CHUNKS[0]), beginning(CHUNKS[1], 1.25), beginning(CHUNKS[1]), beginning(CHUNKS[3]))
    bench.drain()
    assert engine.batches == []
    assert bench.count("partials_total", outcome="late") == 1
    put(redis, beginning(CHUNKS[1], 1.25), beginning(CHUNKS[1]))
    bench.drain()
    assert engine.batches == [1]
    put(redis, beginning(CHUNKS[1]), CHUNKS[1])
    bench.drain()
    assert engine.batches == [1, 1], "if the complete chunk is there, only that is decoded"


def test_slow_worker_takes_no_partial_chunks(redis: Redis) -> None:
    bench = Bench(redis, ScriptedEngine())
    bench.transcriber._decoder.window_s = 0.6
    put(redis, beginning(CHUNKS[0]))
    assert bench.transcriber.step(block_s=0.05) == 0
    bench.transcriber._decoder.window_s = 0.4
    assert bench.transcriber.step(block_s=0.05) == 1


def test_failed_partial_chunk_does_not_affect_complete_ones(redis: Redis) -> None:
    def fail(utterances: Sequence[Utterance]) -> None:
        if any(len(utterance.audio) == samples(3.5) for utterance in utterances):
            raise RuntimeError("no")

    bench = Bench(redis, ScriptedEngine())
    put(redis, CHUNKS[0])
    bench.drain()
    bench.transcriber._engine = lambda: ScriptedEngine(before=fail)
    put(redis, beginning(CHUNKS[1]), *chunks("stations/other", PCM)[:1])
    bench.drain()
    assert bench.count("chunks_total", outcome="transcribed") == 2
    assert int(redis.xlen(keys.DEAD_CHUNKS)) == 0
    put(redis, *CHUNKS[1:])
    bench.drain()
    assert words(redis, SOURCE) == TEXTS


def test_partial_chunks_are_decoded_before_uploads(redis: Redis) -> None:
    first: list[float] = []
    engine = ScriptedEngine(before=lambda utterances: first.append(len(utterances[0].audio)))
    bench = Bench(redis, engine, batch_size=1)
    bench.transcriber._decoder.window_s = 0.1
    put(redis, *chunks("jobs/1", PCM)[:3], beginning(CHUNKS[0]))
    bench.drain()
    assert first[0] == samples(2.5)
    assert bench.count("chunks_total", outcome="transcribed") == 3


def test_unsupported_partial_chunk_is_not_decoded(redis: Redis) -> None:
    def check(language: str | None, task: str) -> None:
        raise Unsupported("it knows no Swedish", "language")

    engine = ScriptedEngine(check=check)
    bench = Bench(redis, engine)
    bench.transcriber._decoder.window_s = 0.1
    put(redis, beginning(CHUNKS[0]))
    assert bench.transcriber.step(block_s=0.05) == 1
    assert engine.batches == []


def test_redis_failure_for_a_partial_chunk_does_not_affect_complete_ones(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("away")

    bench = Bench(redis, ScriptedEngine(), claim_after_s=60.0)
    put(redis, CHUNKS[0])
    bench.drain()
    for method in ("progress", "preview"):
        put(redis, CHUNKS[1] if method == "progress" else CHUNKS[2], beginning(chunks("stations/other", PCM)[0]))
        with monkeypatch.context() as patch:
            patch.setattr(bench.transcriber._log, method, away)
            bench.drain()
    assert bench.count("chunks_total", outcome="transcribed") == 3


def test_fault_in_a_preview_does_not_stop_the_worker(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a fault")

    bench = Bench(redis, ScriptedEngine())
    put(redis, CHUNKS[0])
    bench.drain()
    monkeypatch.setattr(seam, "preview", fail)
    put(redis, beginning(CHUNKS[1]), *CHUNKS[1:])
    bench.drain()
    assert words(redis, SOURCE) == TEXTS


def test_previews_do_not_wait_for_the_commits_of_recordings(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(redis, ScriptedEngine())
    put(redis, *chunks("stations/other", PCM)[:1])
    bench.drain()  # so that the time per window is known
    settled: list[str] = []
    for name in ("commit", "preview"):
        original = getattr(CaptionLog, name)

        def record(log: CaptionLog, *args: Any, name: str = name, original: Any = original, **options: Any) -> Any:
            source = args[0] if name == "preview" else args[0][0].chunk.source
            settled.append(f"{name} {source}")
            return original(log, *args, **options)

        monkeypatch.setattr(CaptionLog, name, record)
    put(redis, *chunks("jobs/1", PCM)[:2], chunks("stations/other", PCM)[1], beginning(CHUNKS[0]))
    bench.drain()
    assert settled == ["commit stations/other", f"preview {SOURCE}", "commit jobs/1"]
