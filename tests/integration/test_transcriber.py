"""Chunks in a real Redis become captions, whatever happens to the workers."""

from __future__ import annotations

import threading

from prometheus_client import CollectorRegistry

from tests.fakes import ScriptedEngine, Spoken, chunks, speech
from transcriber.engine import Engine
from transcriber.worker import Transcriber
from wire.bus import Redis, connect
from wire.captions import CaptionLog, latest_revisions
from wire.messages import Caption
from wire.metrics import TranscriberMetrics
from wire.queue import ChunkQueue

#: A minute of words of various lengths, some of them across every border of 5 s.
WORDS: list[Spoken] = [(n + 1, 0.05 + 0.52 * n, 0.05 + 0.52 * n + 0.25 + 0.05 * (n % 5)) for n in range(115)]
PCM = speech(WORDS, 60.0)
TEXTS = [f"w{number}" for number, _, _ in WORDS]


def make(redis: Redis, engine: Engine, name: str = "transcriber-0", **options: object) -> Transcriber:
    queue = ChunkQueue(redis, claim_after_s=float(options.pop("claim_after_s", 60.0)))  # type: ignore[arg-type]
    metrics = TranscriberMetrics(CollectorRegistry())
    return Transcriber(redis, name, lambda: engine, metrics, queue=queue, **options)  # type: ignore[arg-type]


def drain(transcriber: Transcriber) -> None:
    while transcriber.step(block_s=0):
        pass


def words(captions: list[Caption]) -> list[str]:
    return [word.text for caption in latest_revisions(captions) for word in caption.words]


def test_an_upload_comes_out_whole(redis: Redis) -> None:
    queue = ChunkQueue(redis)
    for chunk in chunks("jobs/1", PCM):
        queue.put(chunk)
    drain(make(redis, ScriptedEngine()))
    log = CaptionLog(redis)
    captions = log.read("jobs/1")
    assert words(captions) == TEXTS
    assert all(caption.final for caption in captions)
    assert log.progress("jobs/1").finished
    assert [load.length for load in queue.load()] == [0, 0]


def test_two_workers_at_once_give_the_captions_of_one(redis: Redis, redis_url: str) -> None:
    queue = ChunkQueue(redis)
    for source in ("stations/one", "stations/two", "jobs/1"):
        for chunk in chunks(source, PCM):
            queue.put(chunk)
    clients = [connect(redis_url) for _ in range(3)]
    workers = [make(client, ScriptedEngine(), f"transcriber-{n}", batch_size=2) for n, client in enumerate(clients)]
    threads = [threading.Thread(target=drain, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for source in ("stations/one", "stations/two", "jobs/1"):
        assert words(CaptionLog(redis).read(source)) == TEXTS
    for client in clients:
        client.close()
