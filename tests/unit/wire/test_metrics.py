"""Metrics of many workers are exposed in one place, distinguished by worker."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from wire.metrics import (
    ApiMetrics,
    IngestMetrics,
    MergedMetrics,
    TranscriberMetrics,
    exposition,
    model_languages,
    model_names,
    model_tasks,
)


def test_merged_metrics_keep_the_samples_of_each_worker() -> None:
    expositions = []
    for number in range(2):
        registry = CollectorRegistry()
        metrics = TranscriberMetrics(registry)
        metrics.chunks.labels("transcribed").inc(number + 1)
        metrics.batch.observe(4)
        expositions.append((f"transcriber-{number}", exposition(registry)))
    merged = CollectorRegistry()
    merged.register(MergedMetrics(expositions))  # type: ignore[arg-type]  # a collector by its `collect`
    families = {f.name: f for f in text_string_to_metric_families(generate_latest(merged).decode())}
    samples = {
        s.labels["worker"]: s.value
        for s in families["undertext_transcriber_chunks"].samples
        if s.name.endswith("_total")
    }
    assert samples == {"transcriber-0": 1, "transcriber-1": 2}
    assert families["undertext_transcriber_batch_chunks"].type == "histogram"


def test_languages_and_tasks_of_models_on_air() -> None:
    def told(languages: str, tasks: str) -> bytes:
        registry = CollectorRegistry()
        TranscriberMetrics(registry).model_info.labels("model", "cpu", languages, tasks).set(1)
        return exposition(registry)

    earlier = b'undertext_transcriber_model_info{model="m",device="cpu",languages="fi"} 1.0\n'
    able, unable = told("sv en", "transcribe translate"), told("sv", "transcribe")
    assert (model_languages([unable, earlier]), model_tasks([unable])) == ({"sv", "fi"}, {"transcribe"})
    assert model_tasks([unable, able]) == model_tasks([earlier]) == {"transcribe", "translate"}
    assert model_names([able, earlier]) == {"model", "m"}
    assert (model_languages([b""]), model_tasks([])) == (set(), set())


def test_metric_names_have_our_prefix_and_base_units() -> None:
    registry = CollectorRegistry()
    for make in (IngestMetrics, TranscriberMetrics, ApiMetrics):
        make(registry)
    for family in registry.collect():
        assert family.name.startswith("undertext_")
        assert not family.name.endswith(("_ms", "_milliseconds", "_minutes"))
        assert family.documentation
