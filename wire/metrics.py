"""Every metric, and how a worker's metrics reach the API's `/metrics`.

Names follow Prometheus' rules: `undertext_` prefix, base units, `_total` for counters. Labels are bounded: a station's
id (there are at most MAX_STATIONS), a kind, a stage, a reason; never a job, a client or an error's text.

Services that scale have no address of their own that Prometheus could know, so each worker writes its metrics beside
its heartbeat into Redis, and the API answers for all of them.
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

#: Which model a transcriber has on air.
_MODEL_INFO = "undertext_transcriber_model_info"


class IngestMetrics:
    """What ingest counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.audio_s = Counter("undertext_ingest_audio_seconds_total", "Audio taken in.", ["kind"], registry=registry)
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
            "Time of a stage per chunk.",
            ["stage"],
            buckets=_STAGE_S,
            registry=registry,
        )


class TranscriberMetrics:
    """What a transcriber counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latency_s = Histogram(
            "undertext_caption_commit_latency_seconds",
            "From the end of a live chunk's audio to the commit of its captions.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.stage_s = Histogram(
            "undertext_transcriber_stage_seconds",
            "Time of a stage per batch.",
            ["stage"],
            buckets=_STAGE_S,
            registry=registry,
        )
        self.audio_s = Counter(
            "undertext_transcriber_audio_seconds_total", "New audio transcribed.", ["kind"], registry=registry
        )
        self.busy_s = Counter("undertext_transcriber_busy_seconds_total", "Time spent on batches.", registry=registry)
        self.shed_s = Counter(
            "undertext_transcriber_shed_seconds_total", "Live audio too old to be transcribed.", registry=registry
        )
        self.chunks = Counter("undertext_transcriber_chunks_total", "Chunks settled.", ["outcome"], registry=registry)
        self.batch = Histogram(
            "undertext_transcriber_batch_chunks", "Chunks of a batch.", buckets=_BATCH, registry=registry
        )
        self.real_time_factor = Gauge(
            "undertext_transcriber_real_time_factor",
            "Processing time by audio time of the last batch.",
            registry=registry,
        )
        self.partials = Counter(
            "undertext_transcriber_partials_total",
            "Chunks that were not whole yet: shown, nothing new in them, or too late to be heard.",
            ["outcome"],
            registry=registry,
        )
        self.claimed = Counter(
            "undertext_transcriber_claimed_total", "Chunks taken over from a dead worker.", registry=registry
        )
        self.rejected = Counter(
            "undertext_transcriber_rejected_total",
            "Windows of which something was rejected as invented.",
            ["reason"],
            registry=registry,
        )
        self.model_info = Gauge(
            _MODEL_INFO,
            "1 for the model in use, with the codes of the languages that it knows and the tasks that it can do.",
            ["model", "device", "languages", "tasks"],
            registry=registry,
        )
        self.model_changes = Counter(
            "undertext_transcriber_model_changes_total",
            "New models taken up, or refused because they are broken.",
            ["outcome"],
            registry=registry,
        )


class ApiMetrics:
    """What the API counts."""

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
            "undertext_api_request_seconds", "Time of an HTTP request.", ["route"], buckets=_STAGE_S, registry=registry
        )
        self.uploads = Counter("undertext_api_upload_bytes_total", "Bytes of uploads accepted.", registry=registry)
        self.queue_length = Gauge("undertext_queue_chunks", "Chunks in a queue.", ["queue"], registry=registry)
        self.queue_age_s = Gauge(
            "undertext_queue_age_seconds", "Age of a queue's oldest chunk.", ["queue"], registry=registry
        )
        self.dead_letters = Gauge("undertext_queue_dead_letters", "Chunks in the dead letters.", registry=registry)
        self.workers = Gauge("undertext_workers", "Workers with a heartbeat.", ["service"], registry=registry)


def exposition(registry: CollectorRegistry) -> bytes:
    """The registry in Prometheus' text format."""
    return generate_latest(registry)


def model_names(expositions: Iterable[bytes]) -> set[str]:
    """Names of the models on air, as their transcribers' metrics tell."""
    return {labels["model"] for labels in _model_labels(expositions)}


def model_languages(expositions: Iterable[bytes]) -> set[str]:
    """Codes of the languages that the models on air know, as their transcribers' metrics tell; empty if none does."""
    return {code for labels in _model_labels(expositions) for code in labels.get("languages", "").split()}


def model_tasks(expositions: Iterable[bytes]) -> set[str]:
    """Tasks that the models on air can do, or may: one that does not tell, as of an earlier version, has them all."""
    return {
        task for labels in _model_labels(expositions) for task in labels.get("tasks", " ".join(get_args(Task))).split()
    }


def _model_labels(expositions: Iterable[bytes]) -> Iterator[Mapping[str, str]]:
    for text in expositions:
        for family in text_string_to_metric_families(text.decode()):
            if family.name == _MODEL_INFO:
                yield from (sample.labels for sample in family.samples)


class MergedMetrics:
    """A collector that answers for many workers: each one's samples with a `worker` label more."""

    def __init__(self, expositions: Iterable[tuple[str, bytes]]) -> None:
        self._expositions = list(expositions)

    def collect(self) -> Iterator[Metric]:
        """Metric families, one for each name, over all workers."""
        families: dict[str, Metric] = {}
        for worker, text in self._expositions:
            for family in text_string_to_metric_families(text.decode()):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    merged.samples.append(sample._replace(labels={**sample.labels, "worker": worker}))
        yield from families.values()
