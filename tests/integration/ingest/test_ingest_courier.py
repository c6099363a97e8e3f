"""The courier between a live source and Redis while Redis refuses writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from ingest.live.courier import Courier, first_status
from ingest.live.outbox import Outbox
from wire import keys
from wire.bus import connect
from wire.chunk import Chunk
from wire.metrics import IngestMetrics


def test_chunks_wait_while_redis_is_full(
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


def test_refused_partial_chunk_is_not_retried(
    redis_url: str, redis_client: Any, chunks: Callable[[str], list[Chunk]], wait_until: Callable[..., None]
) -> None:
    source, outbox = "microphones/1", Outbox(60.0)
    courier = Courier(connect(redis_url), outbox, first_status(source, "ingest-0"), IngestMetrics(CollectorRegistry()))
    before = redis_client.info("stats")["total_error_replies"]
    try:
        redis_client.config_set("maxmemory", 1)
        outbox.put(Chunk(source, 1, 0, 0.0, 1, b"\1\0", partial=True))
        courier.start()
        wait_until(lambda: redis_client.info("stats")["total_error_replies"] > before, what="Redis has refused")
        wait_until(lambda: courier._redis_unavailable, what="the courier notices")
        redis_client.config_set("maxmemory", 0)
        outbox.put(Chunk(source, 1, 0, 0.0, 2, b"\1\0\1\0"))
        wait_until(lambda: chunks(source), what="the whole chunk is in the queue")
    finally:
        redis_client.config_set("maxmemory", 0)
        courier.close()
    assert [chunk.n_samples for chunk in chunks(source)] == [2]
    assert redis_client.xlen(keys.PARTIAL_CHUNKS) == 0
