"""The curves of training, of one run or of several in the same picture, out of their metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trainer.reports.plots import lines

#: Entries of metrics by the name of the run.
Runs = Mapping[str, Sequence[Mapping[str, float]]]
Points = list[tuple[float, float]]

#: A curve has at most so many points: of more, each is a mean of several, which also shows more than their noise.
MOST_POINTS = 250


@dataclass(frozen=True)
class Curve:
    """What one picture shows: measures by their names in metrics.jsonl, and what they are called."""

    title: str
    unit: str
    measures: Mapping[str, str]


TRAIN_LOSS = Curve("Loss on train", "nats a token", {"loss": ""})
DEV_LOSS = Curve("Loss on dev", "nats a token", {"dev_loss": ""})
LOSS = Curve("Loss", "nats a token", {"loss": "train", "dev_loss": "dev"})
WER = Curve("Word error rate on dev", "percent", {"dev_wer_percent": ""})
CER = Curve("Character error rate on dev", "percent", {"dev_cer_percent": ""})
PARTS = Curve(
    "Parts of the loss, as they are before they are weighed",
    "",
    {name: name.replace("_", " ") for name in ("cross_entropy", "ctc", "letters", "alignment", "matching")},
)
RATE = Curve("Learning rate", "", {"learning_rate": ""})
SPEED = Curve("Speed, since the run began", "samples a second", {"samples_per_s": ""})

#: What a report of one run draws, one of several, and what goes with a published model.
ALONE, COMPARED = (LOSS, WER, CER, PARTS, RATE, SPEED), (WER, CER, TRAIN_LOSS, DEV_LOSS, RATE, SPEED)
PUBLISHED = (LOSS, WER)


def curves(runs: Runs, wanted: Sequence[Curve] = ALONE) -> dict[str, str]:
    """An SVG by its title for each of the wanted curves of which there is a line to draw."""
    found = [(curve, _series(runs, curve)) for curve in wanted]
    return {
        curve.title: lines(series, curve.title, "step", curve.unit)
        for curve, series in found
        if any(len(points) > 1 for points in series.values())
    }


def single(runs: Runs, wanted: Sequence[Curve] = ALONE) -> Iterator[str]:
    """A sentence for each of the wanted curves that would be a dot."""
    for curve in wanted:
        series = _series(runs, curve)
        if series and all(len(points) == 1 for points in series.values()):
            told = (
                f"{'' if name == curve.title else f'{name} '}{points[0][1]:.4g} {curve.unit}".strip()
                + f" at step {points[0][0]:,.0f}"
                for name, points in series.items()
            )
            yield f"{curve.title}, once: {', '.join(told)}."


def _series(runs: Runs, curve: Curve) -> dict[str, Points]:
    """The lines of a picture by their names; none, if it would show nothing that another does not."""
    series = {
        ", ".join(filter(None, (run, called))) or curve.title: thinned(points)
        for run, metrics in runs.items()
        for name, called in curve.measures.items()
        if (points := _points(metrics, name))
    }
    # Parts that are nothing were not asked for; if but one is left, the picture of the loss shows it already.
    series = {name: points for name, points in series.items() if curve is not PARTS or any(y for _, y in points)}
    return series if len(series) > (len(runs) if curve is PARTS else 0) else {}


def thinned(points: Points) -> Points:
    """At most MOST_POINTS points, each the mean of its neighbours; the last one stands where training has come to."""
    each = math.ceil(len(points) / MOST_POINTS)
    if each <= 1:
        return points
    groups = [points[start : start + each] for start in range(0, len(points), each)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _points(metrics: Sequence[Mapping[str, float]], name: str) -> Points:
    """Of a run that diverged, what can be drawn."""
    return [(row["step"], row[name]) for row in metrics if name in row and math.isfinite(row[name])]
