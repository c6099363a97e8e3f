"""The objects that the routes share: created by `create_app`, found through the running app."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from prometheus_client import CollectorRegistry

from api.archive.copying import Archivist
from api.http.sockets import Sockets
from api.live.hub import Hub
from api.settings import Settings
from api.short_cache import ShortCache
from wire.broadcast import Broadcasts
from wire.bus import Redis, connect
from wire.captions import CaptionLog
from wire.kept_audio import KeptAudio
from wire.metrics import ApiMetrics
from wire.microphone import Microphones
from wire.queue import ChunkQueue
from wire.sources import Jobs, Stations, Statuses

#: Redis connections of all requests and viewers together; when all are in use, a request waits for one.
CONNECTIONS = 24


@dataclass(frozen=True)
class Context:
    """The parts of the API."""

    settings: Settings
    redis: Redis
    stations: Stations
    jobs: Jobs
    statuses: Statuses
    log: CaptionLog
    kept_audio: KeptAudio
    broadcasts: Broadcasts
    cache: ShortCache
    archivist: Archivist
    microphones: Microphones
    chunks: ChunkQueue
    hub: Hub
    sockets: Sockets
    registry: CollectorRegistry
    metrics: ApiMetrics


def build(settings: Settings) -> Context:
    """Create every part; connects to nothing yet."""
    # Thousands of viewers share a few connections: opening one costs more than waiting for one.
    redis = connect(settings.redis_url, patience_s=0.5, timeout_s=settings.redis_timeout_s, connections=CONNECTIONS)
    registry = CollectorRegistry()
    metrics = ApiMetrics(registry)
    stations = Stations(redis, limit=settings.max_stations)
    jobs = Jobs(redis, retention_s=settings.retention_s)
    captions = CaptionLog(redis, retention_s=settings.retention_s)
    return Context(
        settings=settings,
        redis=redis,
        stations=stations,
        jobs=jobs,
        statuses=Statuses(redis, retention_s=settings.retention_s),
        log=captions,
        kept_audio=KeptAudio(redis),
        broadcasts=Broadcasts(redis),
        cache=ShortCache(),
        archivist=Archivist(settings.archive_path, stations, jobs, captions, keep_s=86_400 * settings.archive_days),
        microphones=Microphones(redis),
        chunks=ChunkQueue(redis),
        hub=Hub(
            connect(settings.redis_url, patience_s=0.1, timeout_s=settings.redis_timeout_s),
            queue_limit=settings.viewer_queue,
            on_missed=metrics.missed.inc,
        ),
        sockets=Sockets(settings.max_sockets, lambda kind, change: metrics.viewers.labels(kind).inc(change)),
        registry=registry,
        metrics=metrics,
    )


def context() -> Context:
    """The parts of the app that handles this request."""
    ctx: Context = current_app.extensions["undertext"]
    return ctx
