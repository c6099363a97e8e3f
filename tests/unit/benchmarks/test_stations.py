"""The stations benchmark: figures from the transcribers' metrics."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.stations import Counts, parse_counts
from wire.metrics import TranscriberMetrics


def exposition(lags_s: list[float], shed_s: float = 0.0) -> str:
    registry = CollectorRegistry()
    metrics = TranscriberMetrics(registry)
    for lag_s in lags_s:
        metrics.latency_s.observe(lag_s)
    metrics.audio_s.labels("stations").inc(90.0)
    metrics.shed_s.inc(shed_s)
    return generate_latest(registry).decode()


def test_quantiles_are_of_the_counts_in_between() -> None:
    before, after = [20.0] * 50, [20.0] * 50 + [0.6] * 80 + [8.0] * 20
    found = parse_counts(exposition(after)) - parse_counts(exposition(before))
    assert 0.5 <= (found.lag_s(0.5) or 0) <= 0.75
    assert 7.5 <= (found.lag_s(0.95) or 0) <= 10
    assert found.shed_percent == 0


def test_shed_audio_is_a_share_of_all_audio() -> None:
    assert parse_counts(exposition([0.2], shed_s=10.0)).shed_percent == pytest.approx(10.0)


def test_without_captions_there_is_no_lag() -> None:
    assert Counts().lag_s(0.95) is None
    assert parse_counts("").lags == {}
