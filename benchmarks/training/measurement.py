"""The result of one measure of `benchmarks.trainer`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Measurement:
    """Rows of its table, and figures; a figure that cannot be measured on this machine is left out."""

    rows: list[dict[str, object]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
