"""Training curves of one or several runs, plotted from their metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trainer.reports.plots import lines

#: Entries of metrics by the name of the run.
Runs = Mapping[str, Sequence[Mapping[str, float]]]
Points = list[tuple[float, float]]

#: Curves with more points are averaged down to this many, which also smooths them.
MOST_POINTS = 250


@dataclass(frozen=True)
class Curve:
    """A plot: the metrics that it shows, by their names in metrics.jsonl, and their labels."""

    title: str
    unit: str
    measures: Mapping[str, str]


TRAIN_LOSS = Curve("Loss on train", "nats per token", {"loss": ""})
DEV_LOSS = Curve("Loss on dev", "nats per token", {"dev_loss": ""})
LOSS = Curve("Loss", "nats per token", {"loss": "train", "dev_loss": "dev"})
WER = Curve("Word error rate on dev", "percent", {"dev_wer_percent": ""})
CER = Curve("Character error rate on dev", "percent", {"dev_cer_percent": ""})
PARTS = Curve(
    "Components of the loss, unweighted",
    "",
    {name: name.replace("_", " ") for name in ("cross_entropy", "ctc", "letters", "alignment", "matching")},
)
RATE = Curve("Learning rate", "", {"learning_rate": ""})
SPEED = Curve("Mean speed since the start", "samples per second", {"samples_per_s": ""})

#: The curves in the report of one run, in a comparison of several, and with a published model.
ALONE, COMPARED = (LOSS, WER, CER, PARTS, RATE, SPEED), (WER, CER, TRAIN_LOSS, DEV_LOSS, RATE, SPEED)
PUBLISHED = (LOSS, WER)


def curves(runs: Runs, wanted: Sequence[Curve] = ALONE) -> dict[str, str]:
    """SVGs by title, for each of the wanted curves with at least two points."""
    all_series = [(curve, _series(runs, curve)) for curve in wanted]
    return {
        curve.title: lines(series, curve.title, "step", curve.unit)
        for curve, series in all_series
        if any(len(points) > 1 for points in series.values())
    }


def single(runs: Runs, wanted: Sequence[Curve] = ALONE) -> Iterator[str]:
    """A sentence for each of the wanted curves with a single point."""
    for curve in wanted:
        series = _series(runs, curve)
        if series and all(len(points) == 1 for points in series.values()):
            values = (
                f"{'' if name == curve.title else f'{name} '}{points[0][1]:.4g} {curve.unit}".strip()
                + f" at step {points[0][0]:,.0f}"
                for name, points in series.items()
            )
            yield f"{curve.title}, measured once: {', '.join(values)}."


def _series(runs: Runs, curve: Curve) -> dict[str, Points]:
    """The lines of a plot by name; none if another plot already shows them."""
    series = {
        ", ".join(filter(None, (run, label))) or curve.title: thinned(points)
        for run, metrics in runs.items()
        for name, label in curve.measures.items()
        if (points := _points(metrics, name))
    }
    # Components of value 0 are not in use; a single one equals the loss, which has its own plot.
    series = {name: points for name, points in series.items() if curve is not PARTS or any(y for _, y in points)}
    return series if len(series) > (len(runs) if curve is PARTS else 0) else {}


def thinned(points: Points) -> Points:
    """At most MOST_POINTS points, each a mean of neighbours, at the step of the last of them."""
    size = math.ceil(len(points) / MOST_POINTS)
    if size <= 1:
        return points
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _points(metrics: Sequence[Mapping[str, float]], name: str) -> Points:
    """The finite values of a metric; a run that diverged has others."""
    return [(row["step"], row[name]) for row in metrics if name in row and math.isfinite(row[name])]
