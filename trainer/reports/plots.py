"""Plots as self-contained SVG, with text as text."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

#: A value and the ends of its interval.
Estimate = tuple[float, float, float]

COLORS = ("#b3bcc4", "#d9a400", "#2f6f9f")
COLOR, GRID = "#2f6f9f", "#d8dee4"
STYLE = {
    "svg.fonttype": "none",  # text, not outlines: smaller, and it can be searched
    "svg.hashsalt": "undertext",  # ids that do not change from run to run
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#7a858f",
    "axes.axisbelow": True,
    "grid.color": GRID,
}


def histogram(values: Sequence[float], title: str, x_label: str, y_label: str = "clips", bins: int = 40) -> str:
    """A histogram; the axis ends at the 99.5 % quantile, and its label has the number of values beyond."""
    ordered = sorted(values)
    top = ordered[min(len(ordered) - 1, int(0.995 * len(ordered)))]
    shown = [value for value in ordered if value <= top]
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]  # its stubs list names one by one
        figure = Figure(figsize=(5.4, 2.6), layout="constrained")
        axes = figure.add_subplot()
        axes.hist(shown, bins=min(bins, max(1, len(set(shown)))), color=COLOR)
        beyond = len(ordered) - len(shown)
        axes.set(title=title, xlabel=f"{x_label} ({beyond} beyond)" if beyond else x_label, ylabel=y_label)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        if all(isinstance(value, int) for value in shown):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        return svg(figure)


def bars(values: Mapping[str, float], title: str, x_label: str, at_most: int = 20, as_given: bool = False) -> str:
    """A horizontal bar for each of the largest values, and one for all others together.

    Args:
        as_given: keep the order of `values` instead of sorting.
    """
    ordered = list(values.items()) if as_given else sorted(values.items(), key=lambda item: -item[1])
    rest = ordered[at_most:]
    shown = [*ordered[:at_most], *([(f"{len(rest)} others", sum(v for _, v in rest))] if rest else [])]
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(5.4, 0.8 + 0.24 * max(2, len(shown))), layout="constrained")
        axes = figure.add_subplot()
        # Not by name: two names may be shortened to the same, which matplotlib would draw as one bar.
        drawn = axes.barh(range(len(shown)), [value for _, value in shown], color=COLOR)
        axes.set_yticks(range(len(shown)), [_short(name) for name, _ in shown], parse_math=False)
        axes.bar_label(drawn, [f"{value:,.4g}" if value < 1000 else f"{value:,.0f}" for _, value in shown], padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(title=title, xlabel=x_label)
        axes.grid(axis="x")
        return svg(figure)


def grouped_bars(
    names: Sequence[str], series: Mapping[str, Sequence[float]], title: str, x_label: str, at_most: int = 20
) -> str:
    """A horizontal bar of every series for each of the first names."""
    shown, height = [_short(name) for name in names[:at_most]], 0.8 / max(1, len(series))
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(5.4, 1.2 + 0.5 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        for order, (label, values) in enumerate(series.items()):
            places = [place + (order - (len(series) - 1) / 2) * height for place in range(len(shown))]
            drawn = axes.barh(places, values[:at_most], height, label=label, color=COLORS[order % len(COLORS)])
            axes.bar_label(drawn, fmt="%.3g", padding=3, fontsize=7)
        axes.set_yticks(range(len(shown)), shown, parse_math=False)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        left_out = f" (the first {at_most} of {len(names)})" if len(names) > at_most else ""
        axes.set(title=f"{title}{left_out}", xlabel=x_label)
        figure.legend(loc="outside lower center", ncols=len(series), fontsize=8, frameon=False)
        axes.grid(axis="x")
        return svg(figure)


def lines(series: Mapping[str, Sequence[tuple[float, float]]], title: str, x_label: str, y_label: str) -> str:
    """A line through the points of each series."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(5.4, 2.8), layout="constrained")
        axes = figure.add_subplot()
        for name, points in series.items():
            marker = "o" if len(points) < 40 else ""
            axes.plot(*zip(*points, strict=True), label=name, marker=marker, markersize=3, linewidth=1.2)
        axes.set(title=title, xlabel=x_label, ylabel=y_label)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        if len(series) > 1:
            _legend(axes, list(series))
        return svg(figure)


def intervals(
    names: Sequence[str], series: Mapping[str, Sequence[Estimate | None]], title: str, x_label: str, at_most: int = 20
) -> str:
    """A dot with its interval, of every series that has a value, for each of the first names."""
    shown, step = [_short(name) for name in names[:at_most]], 0.6 / max(1, len(series))
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        height = 1.2 + len(shown) * max(0.26, 0.14 * len(series))
        figure = Figure(figsize=(5.4, height), layout="constrained")
        axes = figure.add_subplot()
        for order, found in enumerate(series.values()):
            rows = [(place, one) for place, one in enumerate(found[:at_most]) if one]
            values = [value for _, (value, _, _) in rows]
            # The value may lie outside of a skewed interval.
            ends = [[max(0.0, v - low) for _, (v, low, _) in rows], [max(0.0, high - v) for _, (v, _, high) in rows]]
            places = [place + (order - (len(series) - 1) / 2) * step for place, _ in rows]
            axes.errorbar(values, places, xerr=ends, fmt="o", markersize=4, capsize=2, linewidth=1.2)
        axes.set_yticks(range(len(shown)), shown, parse_math=False)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(left=0)
        left_out = f" (the first {at_most} of {len(names)})" if len(names) > at_most else ""
        axes.set(title=f"{title}{left_out}", xlabel=x_label)
        axes.grid(axis="x")
        if len(series) > 1:
            _legend(axes, list(series))
        return svg(figure)


def _legend(axes: Axes, names: Sequence[str]) -> None:
    """A legend with literal names: no formulas, and without hiding those that start with `_`."""
    drawn = axes.containers or axes.lines
    legend = axes.legend(drawn, [_short(name) for name in names], frameon=False, fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _short(name: str, length: int = 34) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def svg(figure: Figure) -> str:
    """The <svg> element, without the XML declarations."""
    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser renders the text with its own fonts
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
