"""A transcriber beside a real Redis, in this process, and what it wrote."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from transcriber.engine import Engine
from transcriber.worker import Transcriber
from wire.bus import Redis
from wire.captions import CaptionLog, latest_revisions
from wire.messages import Caption, Chunk
from wire.metrics import TranscriberMetrics
from wire.queue import ChunkQueue


class Bench:
    """A transcriber in this process, with its metrics at hand."""

    def __init__(self, redis: Redis, engine: Engine, name: str = "transcriber-0", **options: object) -> None:
        self.registry = CollectorRegistry()
        claim_after_s = float(options.pop("claim_after_s", 0.0))  # type: ignore[arg-type]
        self.queue = ChunkQueue(redis, claim_after_s=claim_after_s)
        self.transcriber = Transcriber(
            redis,
            name,
            lambda: engine,
            TranscriberMetrics(self.registry),
            queue=self.queue,
            claim_every_s=0.0,
            **options,  # type: ignore[arg-type]
        )

    def drain(self) -> Bench:
        while self.transcriber.step(block_s=0):
            pass
        return self

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"undertext_transcriber_{name}", labels) or 0.0


def put(redis: Redis, *all_chunks: Chunk) -> None:
    queue = ChunkQueue(redis)
    for chunk in all_chunks:
        queue.put(chunk)


def words(redis: Redis, source: str) -> list[str]:
    return [word.text for caption in shown(redis, source) for word in caption.words]


def shown(redis: Redis, source: str) -> list[Caption]:
    return latest_revisions(CaptionLog(redis).read(source, limit=10_000))
