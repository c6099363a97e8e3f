"""A transcriber beside a real Redis, in this process; what it is given, and what it wrote."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from ingest.chunker import Chunker
from ingest.options import Options
from ingest.settings import Settings
from transcriber.engine import Engine
from transcriber.settings import Settings as TranscriberSettings
from transcriber.worker import Transcriber
from wire.bus import Redis, connect
from wire.captions import CaptionLog, latest_revisions
from wire.chunk import Chunk
from wire.messages import Caption
from wire.metrics import TranscriberMetrics
from wire.queue import ChunkQueue


@dataclass(frozen=True)
class BenchSettings(TranscriberSettings):
    """A worker that takes over chunks at once."""

    claim_after_s: float = 0.0
    claim_every_s: float = 0.0  # type: ignore[assignment]
    renew_every_s: float = 3.0  # type: ignore[assignment]


class Bench:
    """A transcriber in this process, with its metrics at hand."""

    def __init__(
        self,
        redis: Redis,
        engine: Engine,
        name: str = "transcriber-0",
        *,
        clock: Callable[[], float] = time.time,
        **values: object,
    ) -> None:
        self.registry = CollectorRegistry()
        settings = BenchSettings(**values)  # type: ignore[arg-type]
        self.queue = ChunkQueue(redis, claim_after_s=settings.claim_after_s)
        self.transcriber = Transcriber(
            redis, name, lambda: engine, TranscriberMetrics(self.registry), settings, queue=self.queue, clock=clock
        )

    def drain(self) -> Bench:
        while self.transcriber.step(block_s=0):
            pass
        return self

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"undertext_transcriber_{name}", labels) or 0.0


def drain_at_once(redis_url: str, engine: Engine, workers: int) -> None:
    """Have several transcribers take what waits, each in a thread and with a client of its own."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(redis_url)) for _ in range(workers)]
        benches = [
            Bench(client, engine, f"transcriber-{n}", batch_size=2, claim_after_s=60.0)
            for n, client in enumerate(clients)
        ]
        threads = [threading.Thread(target=bench.drain) for bench in benches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def cut(source: str, pcm: bytes, language: str | None = None) -> list[Chunk]:
    """Chunks of a source, all of it speech, as ingest cuts them; by default in a language that nobody has named."""
    settings = Settings()
    chunker = Chunker(settings.chunk_samples, settings.lead_samples)
    return [
        piece.chunk(source, epoch=1, origin_s=0.0, options=Options(language))
        for piece in (*chunker.feed(pcm), chunker.finish())
    ]


def put(redis: Redis, *all_chunks: Chunk) -> None:
    queue = ChunkQueue(redis)
    for chunk in all_chunks:
        queue.put(chunk)


def words(redis: Redis, source: str) -> list[str]:
    return [word.text for caption in shown(redis, source) for word in caption.words]


def shown(redis: Redis, source: str) -> list[Caption]:
    return latest_revisions(CaptionLog(redis).read(source, limit=10_000))
