"""The courier between a live source and Redis, when Redis takes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from ingest.courier import Courier, first_status
from ingest.outbox import Outbox
from wire.bus import connect
from wire.chunk import Chunk
from wire.metrics import IngestMetrics


def test_chunks_wait_for_a_redis_that_is_full(
    redis_url: str, redis_client: Any, chunks: Callable[[str], list[Chunk]], wait_until: Callable[..., None]
) -> None:
    source, outbox = "microphones/1", Outbox(60.0)
    courier = Courier(connect(redis_url), outbox, first_status(source, "ingest-0"), IngestMetrics(CollectorRegistry()))
    refused = "total_error_replies"
    before = redis_client.info("stats")[refused]
    try:
        redis_client.config_set("maxmemory", 1)
        courier.start()
        outbox.put(Chunk(source, 1, 0, 0.0, 1, b"\1\0"))
        wait_until(lambda: redis_client.info("stats")[refused] > before + 1, what="Redis has refused")
        redis_client.config_set("maxmemory", 0)
        wait_until(lambda: chunks(source), what="the chunk is in the queue")
    finally:
        redis_client.config_set("maxmemory", 0)
        courier.close()
