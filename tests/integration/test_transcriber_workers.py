"""Workers that are killed, stopped or without Redis: every chunk still counts once."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from redis.exceptions import ConnectionError

from tests.fakes import ScriptedEngine, chunks
from tests.integration.bench import Bench, put, shown, words
from tests.integration.minute import IN_THIRD, PCM, TEXTS, WORDS, without
from tests.integration.transcriber_process import STALLED, started
from tests.redis_server import running_redis
from transcriber.engine import Utterance
from transcriber.settings import Settings
from transcriber.worker import Transcriber
from wire import keys
from wire.bus import Redis, connect
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.messages import Content
from wire.metrics import TranscriberMetrics
from wire.queue import ChunkQueue
from wire.workers import alive


def test_chunks_of_a_killed_worker_are_taken_over(
    redis: Redis, redis_url: str, wait_until: Callable[..., None]
) -> None:
    put(redis, *chunks("stations/demo", PCM))
    with started(redis_url, "--stall", str(IN_THIRD)) as worker:
        wait_until(lambda: redis.exists(STALLED), 30)
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=10)
    with started(redis_url):
        wait_until(lambda: CaptionLog(redis).progress("stations/demo").next_seq == 12, 30)
    assert words(redis, "stations/demo") == TEXTS


@pytest.mark.parametrize("held", [0, 1, 2])
def test_no_chunk_is_lost_when_a_machine_dies_with_a_microphones_ingest_and_its_transcriber(
    redis: Redis, held: int
) -> None:
    """The dead transcriber holds a chunk of the old epoch; the new epoch is over before it is claimed."""
    made = chunks("microphones/m", PCM[: 25 * 32_000])
    old = [dataclasses.replace(chunk, last=False) for chunk in made[:3]]
    new = [dataclasses.replace(chunk, epoch=2, seq=chunk.seq - 3) for chunk in made[3:]]
    heard = new[0].pcm[2 * new[0].lead_samples :]
    new[0] = dataclasses.replace(new[0], pcm=heard, lead_samples=0, follows=(1, 3))
    put(redis, *old[:held])
    Bench(redis, ScriptedEngine()).drain()
    put(redis, old[held])
    assert ChunkQueue(redis).take("transcriber-dead", 1)
    put(redis, *old[held + 1 :], *new)
    Bench(redis, ScriptedEngine(), claim_after_s=60.0).drain()
    assert not CaptionLog(redis).progress("microphones/m").finished
    Bench(redis, ScriptedEngine()).drain()
    assert CaptionLog(redis).progress("microphones/m").finished
    assert words(redis, "microphones/m") == [
        f"w{number}" for number, start_s, end_s in WORDS if end_s <= 25 and not start_s < 15 < end_s
    ]


def test_a_worker_that_is_asked_to_stop_finishes_its_batch(
    redis: Redis, redis_url: str, wait_until: Callable[..., None]
) -> None:
    put(redis, *chunks("stations/demo", PCM))
    with started(redis_url, "--batch-size", "2") as worker:
        wait_until(lambda: CaptionLog(redis).progress("stations/demo").next_seq > 0, 30)
        assert "transcriber-0" in alive(redis)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
    assert alive(redis) == {}
    pending: list[dict[str, int]] = redis.xpending_range(keys.LIVE_CHUNKS, keys.GROUP, "-", "+", 100)  # type: ignore[assignment]
    handed_back = [entry for entry in pending if entry["time_since_delivered"] >= 1000]
    assert handed_back == pending, "chunks that it had taken but not started can be claimed at once"
    Bench(redis, ScriptedEngine(), claim_after_s=1.0).drain()
    assert words(redis, "stations/demo") == TEXTS


def test_chunk_that_kills_its_workers_is_dead_lettered_alone(
    redis: Redis, redis_url: str, wait_until: Callable[..., None]
) -> None:
    put(redis, *chunks("stations/demo", PCM))
    log = CaptionLog(redis)
    for _ in range(10):
        if log.progress("stations/demo").next_seq == 12:
            break
        with started(redis_url, "--die", str(IN_THIRD)) as worker:
            wait_until(lambda: worker.poll() is not None or log.progress("stations/demo").next_seq == 12, 30)
    [(_, fields)] = redis.xrange(keys.DEAD_CHUNKS)  # type: ignore[misc]
    assert Chunk.decode(fields).seq == 2
    assert b"delivered" in fields[b"reason"]
    gap = next(c for c in shown(redis, "stations/demo") if c.content is Content.GAP)
    assert (gap.start_s, gap.reason) == (10.0, "failed")
    assert 13.5 < gap.end_s <= 15.0, "the next window repeats the rest"
    heard = words(redis, "stations/demo")
    assert heard == [text for text in TEXTS if text in set(heard)], "each once, in order"
    assert set(heard) >= set(without(10, 11, 12, 13, 14))


def test_chunks_taken_after_stop_are_released(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    engine = ScriptedEngine()
    stopped = Bench(redis, engine, claim_after_s=60.0)
    stopped.transcriber.stop()
    stopped.transcriber.step(block_s=0)
    assert engine.batches == []
    Bench(redis, ScriptedEngine(), "transcriber-1", claim_after_s=60.0).drain()
    assert words(redis, "jobs/1") == TEXTS


def test_a_worker_waits_while_redis_is_unavailable(redis: Redis) -> None:
    class Away(ChunkQueue):
        def __init__(self, redis: Redis) -> None:
            super().__init__(redis, claim_after_s=0)
            self.refusals = 3

        def take(self, *arguments: object, **options: object) -> list[object]:  # type: ignore[override]
            if self.refusals:
                self.refusals -= 1
                raise ConnectionError("away")
            return super().take(*arguments, **options)  # type: ignore[arg-type,return-value]

    put(redis, *chunks("jobs/1", PCM))
    metrics = TranscriberMetrics(CollectorRegistry())
    transcriber: Transcriber

    def before(utterances: Sequence[Utterance]) -> None:
        transcriber.stop()

    settings = Settings(batch_size=12)
    transcriber = Transcriber(
        redis, "transcriber-0", lambda: ScriptedEngine(before), metrics, settings, queue=Away(redis)
    )
    transcriber.run()
    assert words(redis, "jobs/1") == TEXTS


def test_transcriber_survives_a_redis_restart(
    tmp_path: Path, free_port: Callable[[], int], wait_until: Callable[..., None]
) -> None:
    port = free_port()
    parts = chunks("stations/demo", PCM)
    with contextlib.ExitStack() as stack:
        with running_redis(tmp_path, port, keeps=True) as url:
            redis = connect(url)
            stack.callback(redis.close)
            put(redis, *parts[:6])
            worker = stack.enter_context(started(url, "--batch-size", "1"))
            log = CaptionLog(redis)
            wait_until(lambda: log.progress("stations/demo").next_seq >= 2, 30)
        with running_redis(tmp_path, port, keeps=True):
            put(redis, *parts[6:])
            wait_until(lambda: log.progress("stations/demo").next_seq == 12, 30)
            assert worker.poll() is None
            assert words(redis, "stations/demo") == TEXTS
