"""Reads the metrics of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def metrics_of(run: Path) -> list[dict[str, Any]]:
    """Return all metrics that do not depend on time."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "samples_per_s"} for line in lines]


def steps_told(run: Path) -> int:
    """Return the number of logged steps; the file may be missing, or end in an incomplete line."""
    metrics = run / "metrics.jsonl"
    return metrics.read_text().count('"loss"') if metrics.exists() else 0
