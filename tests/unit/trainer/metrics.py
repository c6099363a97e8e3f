"""What a run has measured so far."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def metrics_of(run: Path) -> list[dict[str, Any]]:
    """All but what the clock says."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "samples_per_s"} for line in lines]


def steps_told(run: Path) -> int:
    """How many steps it has told of; it may be telling of the next one, or not have begun."""
    metrics = run / "metrics.jsonl"
    return metrics.read_text().count('"loss"') if metrics.exists() else 0
