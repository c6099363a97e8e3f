"""All metrics, and how a worker's metrics reach the API's `/metrics`.

Names follow Prometheus' conventions: `undertext_` prefix, base units, `_total` for counters. Labels are bounded: a
station's id (at most MAX_STATIONS), a kind, a stage, a reason; never a job, a client or an error message.

Replicas of a service have no fixed addresses that Prometheus could scrape, so each worker writes its metrics to Redis
with its heartbeat, and the API exposes them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from wire.messages import Task

_LATENCY_S = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 60, 120)
_STAGE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BATCH = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)

#: The model that a transcriber has on air.
_MODEL_INFO = "undertext_transcriber_model_info"


class IngestMetrics:
    """Metrics of ingest."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.audio_s = Counter("undertext_ingest_audio_seconds_total", "Audio received.", ["kind"], registry=registry)
        self.chunks = Counter("undertext_ingest_chunks_total", "Chunks queued.", ["kind", "content"], registry=registry)
        self.shed_s = Counter(
            "undertext_ingest_shed_seconds_total", "Audio dropped before the queue.", ["kind"], registry=registry
        )
        self.reconnects = Counter(
            "undertext_ingest_reconnects_total", "Reconnections of a station.", ["station"], registry=registry
        )
        self.running = Gauge("undertext_ingest_sources", "Sources being read now.", ["kind"], registry=registry)
        self.jobs = Counter("undertext_ingest_jobs_total", "Uploads decoded.", ["outcome"], registry=registry)
        self.stage_s = Histogram(
            "undertext_ingest_stage_seconds",
            "Duration of a stage per chunk.",
            ["stage"],
            buckets=_STAGE_S,
            registry=registry,
        )


class TranscriberMetrics:
    """Metrics of a transcriber."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latency_s = Histogram(
            "undertext_caption_commit_latency_seconds",
            "From the end of a live chunk's audio to the commit of its captions.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.stage_s = Histogram(
            "undertext_transcriber_stage_seconds",
            "Duration of a stage per batch.",
            ["stage"],
            buckets=_STAGE_S,
            registry=registry,
        )
        self.audio_s = Counter(
            "undertext_transcriber_audio_seconds_total", "New audio transcribed.", ["kind"], registry=registry
        )
        self.busy_s = Counter("undertext_transcriber_busy_seconds_total", "Time spent on batches.", registry=registry)
        self.shed_s = Counter(
            "undertext_transcriber_shed_seconds_total", "Live audio dropped because it was too old.", registry=registry
        )
        self.chunks = Counter("undertext_transcriber_chunks_total", "Chunks settled.", ["outcome"], registry=registry)
        self.batch = Histogram(
            "undertext_transcriber_batch_chunks", "Chunks per batch.", buckets=_BATCH, registry=registry
        )
        self.real_time_factor = Gauge(
            "undertext_transcriber_real_time_factor",
            "Processing time divided by audio duration, for the last batch.",
            registry=registry,
        )
        self.partials = Counter(
            "undertext_transcriber_partials_total",
            "Incomplete chunks by outcome: shown, nothing new in them, or too late to be decoded.",
            ["outcome"],
            registry=registry,
        )
        self.claimed = Counter(
            "undertext_transcriber_claimed_total", "Chunks taken over from a dead worker.", registry=registry
        )
        self.rejected = Counter(
            "undertext_transcriber_rejected_total",
            "Windows with text that was rejected as hallucinated.",
            ["reason"],
            registry=registry,
        )
        self.model_info = Gauge(
            _MODEL_INFO,
            "1 for the model in use, with the languages and tasks that it supports.",
            ["model", "device", "languages", "tasks"],
            registry=registry,
        )
        self.model_changes = Counter(
            "undertext_transcriber_model_changes_total",
            "New models put on air, or refused because they are broken.",
            ["outcome"],
            registry=registry,
        )


class ApiMetrics:
    """Metrics of the API."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latency_s = Histogram(
            "undertext_caption_socket_latency_seconds",
            "From the end of a live chunk's audio to a viewer's socket.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.viewers = Gauge("undertext_api_viewers", "Open sockets.", ["kind"], registry=registry)
        self.missed = Counter("undertext_api_missed_total", "Messages that slow viewers missed.", registry=registry)
        self.messages = Counter("undertext_api_messages_total", "Messages sent to viewers.", registry=registry)
        self.requests = Counter(
            "undertext_api_requests_total", "HTTP requests.", ["method", "route", "status"], registry=registry
        )
        self.request_s = Histogram(
            "undertext_api_request_seconds",
            "Duration of an HTTP request.",
            ["route"],
            buckets=_STAGE_S,
            registry=registry,
        )
        self.uploads = Counter("undertext_api_upload_bytes_total", "Bytes of uploads accepted.", registry=registry)
        self.queue_length = Gauge("undertext_queue_chunks", "Chunks in a queue.", ["queue"], registry=registry)
        self.queue_age_s = Gauge(
            "undertext_queue_age_seconds", "Age of the oldest chunk in a queue.", ["queue"], registry=registry
        )
        self.dead_letters = Gauge(
            "undertext_queue_dead_letters", "Chunks in the dead-letter stream.", registry=registry
        )
        self.workers = Gauge("undertext_workers", "Workers with a heartbeat.", ["service"], registry=registry)


def exposition(registry: CollectorRegistry) -> bytes:
    """The metrics of a registry in Prometheus' text format."""
    return generate_latest(registry)


def model_names(expositions: Iterable[bytes]) -> set[str]:
    """Names of the models on air, from their transcribers' metrics."""
    return {labels["model"] for labels in _model_labels(expositions)}


def model_languages(expositions: Iterable[bytes]) -> set[str]:
    """Codes of the languages that the models on air support, from their transcribers' metrics; empty if unknown."""
    return {code for labels in _model_labels(expositions) for code in labels.get("languages", "").split()}


def model_tasks(expositions: Iterable[bytes]) -> set[str]:
    """Tasks that the models on air support; a transcriber of an earlier version, which lists none, counts for all."""
    return {
        task for labels in _model_labels(expositions) for task in labels.get("tasks", " ".join(get_args(Task))).split()
    }


def _model_labels(expositions: Iterable[bytes]) -> Iterator[Mapping[str, str]]:
    for text in expositions:
        for family in text_string_to_metric_families(text.decode()):
            if family.name == _MODEL_INFO:
                yield from (sample.labels for sample in family.samples)


class MergedMetrics:
    """A collector for the metrics of many workers: adds a `worker` label to the samples of each."""

    def __init__(self, expositions: Iterable[tuple[str, bytes]]) -> None:
        self._expositions = list(expositions)

    def collect(self) -> Iterator[Metric]:
        """One metric family per name, with the samples of all workers."""
        families: dict[str, Metric] = {}
        for worker, text in self._expositions:
            for family in text_string_to_metric_families(text.decode()):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    merged.samples.append(sample._replace(labels={**sample.labels, "worker": worker}))
        yield from families.values()
