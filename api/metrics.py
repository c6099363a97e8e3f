"""`/metrics`: the metrics of this process, of every worker (from its heartbeat), and of the queues."""

from __future__ import annotations

import logging
import time
from collections import Counter

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry

from api.context import Context, context
from wire import keys, workers
from wire.bus import RedisError
from wire.metrics import MergedMetrics, exposition

log = logging.getLogger(__name__)

blueprint = Blueprint("metrics", __name__)

_QUEUES = {keys.LIVE_CHUNKS: "live", keys.OPENING_CHUNKS: "opening", keys.UPLOAD_CHUNKS: "upload"}


@blueprint.get("/metrics")
def show() -> Response:
    """All metrics, in Prometheus' text format. Those of this process are there even when Redis is not."""
    ctx = context()
    text = b""
    try:
        text = _gather(ctx)
    except RedisError as error:
        log.warning("metrics without Redis: %s", error)
        ctx.metrics.workers.clear()
    return Response(exposition(ctx.registry) + text, content_type=CONTENT_TYPE_LATEST)


def _gather(ctx: Context) -> bytes:
    alive = workers.alive(ctx.redis)
    ctx.metrics.workers.clear()
    for service, number in Counter(name.rpartition("-")[0] for name in alive).items():
        ctx.metrics.workers.labels(service).set(number)
    for load in ctx.chunks.load():
        ctx.metrics.queue_length.labels(_QUEUES[load.stream]).set(load.length)
        ctx.metrics.queue_age_s.labels(_QUEUES[load.stream]).set(load.age_s)
    ctx.metrics.dead_letters.set(int(ctx.redis.xlen(keys.DEAD_CHUNKS)))
    merged = CollectorRegistry()
    merged.register(MergedMetrics(alive.items()))
    return exposition(merged)


def register(app: Flask) -> None:
    """Count every request of `app` by its route."""

    @app.before_request
    def begin() -> None:
        g.begun_s = time.monotonic()

    @app.after_request
    def count(answer: Response) -> Response:
        if request.environ.get("HTTP_UPGRADE"):  # a WebSocket lasts for hours; it is counted as a viewer
            return answer
        ctx = context()
        route = request.url_rule.rule if request.url_rule else "none"
        ctx.metrics.requests.labels(request.method if request.url_rule else "any", route, str(answer.status_code)).inc()
        ctx.metrics.request_s.labels(route).observe(time.monotonic() - g.begun_s)
        return answer
