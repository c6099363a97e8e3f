"""Plots of a study: the history of error rates, the importance of parameters, and how their values combine."""

from __future__ import annotations

import itertools
import math
import statistics
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import optuna
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from trainer.reports.plots import COLOR, COLORS, STYLE, bars, svg
from trainer.tuning.study import best_of, trials_of

#: Minimum number of complete trials for estimates of importance; with fewer, they are mostly chance.
IMPORTANCE_TRIALS = 8
#: Axes of error rates end at this multiple of the median: a broken model's rate would squash the others.
_MAX_MEDIANS = 3.0
#: Maximum length of an axis label, in characters.
_MAX_LETTERS = 14

_DONE, _PRUNED = TrialState.COMPLETE, TrialState.PRUNED


@dataclass(frozen=True)
class Axis:
    """Maps the values of one parameter to an axis from 0 to 1, with tick labels."""

    name: str
    distribution: BaseDistribution

    def place(self, value: Any) -> float:
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return list(distribution.choices).index(value) / max(1, len(distribution.choices) - 1)
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        if distribution.log:
            return math.log(value / distribution.low) / math.log(distribution.high / distribution.low)
        return float((value - distribution.low) / (distribution.high - distribution.low))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels: every value of a list, or the ends of a range and its middle or powers of ten."""
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            values: list[Any] = list(distribution.choices)
        else:
            assert isinstance(distribution, FloatDistribution | IntDistribution)
            values = [distribution.low, *_between(distribution), distribution.high]
        return [(self.place(value), _word(value)) for value in values]


def axes_of(study: optuna.Study) -> list[Axis]:
    """Return an axis for each parameter, in the order of the command line."""
    distributions = {
        name: distribution for trial in trials_of(study) for name, distribution in trial.distributions.items()
    }
    return [Axis(name.replace("_", "-"), distribution) for name, distribution in distributions.items()]


def history(study: optuna.Study) -> str:
    """Plot error rates in the order of trials, and the best so far."""
    done, pruned = _results(study)
    top = _top(done)
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(5.4, 3.0), layout="constrained")
        axes = figure.add_subplot()
        titles = _points(axes, pruned, [t.number for t in pruned], top, COLORS[0], "pruned")
        titles |= _points(axes, done, [t.number for t in done], top, COLOR, "complete")
        best = itertools.accumulate((_value(trial) for trial in done), min)
        axes.step(
            [t.number for t in done], list(best), where="post", color=COLORS[1], linewidth=1.4, label="best so far"
        )
        axes.set(title="History", xlabel="trial", ylabel=_title([*done, *pruned], top))
        axes.set_ylim(_span([*done, *pruned], top))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        axes.legend(frameon=False, fontsize=8)
        return _titled(svg(figure), titles)


def importance(study: optuna.Study) -> str | None:
    """Plot how much of the difference between good and other trials each parameter explains; None if trials are few.

    PED-ANOVA (Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
    Subspaces", 2023).
    """
    done, _ = _results(study)
    if len(done) < IMPORTANCE_TRIALS or len({trial.value for trial in done}) < 2 or len(axes_of(study)) < 2:
        return None
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        shares = optuna.importance.get_param_importances(study)
    return bars({name.replace("_", "-"): share for name, share in shares.items()}, "Importance", "share")


def parallel(study: optuna.Study) -> str:
    """Plot each trial as a line through its values and error rate; better trials are darker, the best is coloured."""
    axes_shown, (done, _) = axes_of(study), _results(study)
    top, best = _top(done), best_of(done)
    low = min(_value(trial) for trial in done)
    reach = (top - low) or 1.0
    words = [f"{low + share * reach:.3g}" for share in (0.0, 0.5, 1.0)]
    words[-1] = f"{'≥ ' * any(_value(trial) > top for trial in done)}{words[-1]}"
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(max(5.4, 1.5 * (len(axes_shown) + 1)), 3.2), layout="constrained")
        axes = figure.add_subplot()
        for trial in sorted(done, key=lambda each: -_value(each)):
            height = (min(_value(trial), top) - low) / reach
            places = [axis.place(trial.params[axis.name.replace("-", "_")]) for axis in axes_shown]
            color, width = (COLORS[1], 2.4) if trial is best else (COLOR, 1.0)
            opacity = 1.0 if trial is best else 0.25 + 0.65 * (1 - height) ** 2
            axes.plot([*places, height], color=color, linewidth=width, alpha=opacity)
        for number, axis in enumerate(axes_shown):
            _scale(axes, number, axis.ticks)
        _scale(axes, len(axes_shown), list(zip((0.0, 0.5, 1.0), words, strict=True)))
        axes.set_xticks(range(len(axes_shown) + 1), [*(axis.name for axis in axes_shown), _title(done, top)])
        axes.set_xlim(-0.1, len(axes_shown) + 0.45)
        axes.set_ylim(-0.05, 1.05)
        axes.set_yticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(axis="x", length=0)
        axes.set(title="Parallel coordinates")
        return svg(figure)


def slices(study: optuna.Study) -> list[str]:
    """Plot error rates over the values of each parameter."""
    done, pruned = _results(study)
    top = _top(done)
    drawn = []
    for axis in axes_of(study):
        with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
            figure = Figure(figsize=(3.4, 2.6), layout="constrained")
            axes = figure.add_subplot()
            titles: dict[str, str] = {}
            for trials, color, label in ((pruned, COLORS[0], "pruned"), (done, COLOR, "complete")):
                places = [axis.place(trial.params[axis.name.replace("-", "_")]) for trial in trials]
                titles |= _points(axes, trials, places, top, color, label)
            axes.set_xticks(*map(list, zip(*axis.ticks, strict=True)))
            axes.set_xlim(-0.08, 1.08)
            axes.set(title=axis.name, ylabel=_title([*done, *pruned], top))
            axes.set_ylim(_span([*done, *pruned], top))
            axes.grid(axis="y")
            if pruned:
                figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
            drawn.append(_titled(svg(figure), titles))
    return drawn


def _points(
    axes: Any, trials: Sequence[FrozenTrial], places: Sequence[float], top: float, color: str, label: str
) -> dict[str, str]:
    """Plot a point for each trial, and an arrow for values beyond the axis. Returns the arrows' tooltips by id."""
    values = [(place, _value(trial)) for place, trial in zip(places, trials, strict=True)]
    if inside := [(place, value) for place, value in values if value <= top]:
        axes.scatter(*zip(*inside, strict=True), s=18, color=color, alpha=0.8, label=label)
    titles: dict[str, str] = {}
    for trial, (place, value) in zip(trials, values, strict=True):
        if value > top:
            id = f"trial-{trial.number}-beyond"
            known = label if not inside and not titles else None  # only once in the legend
            axes.plot([place], [top], "^", color=color, markersize=6, clip_on=False, gid=id, label=known)
            titles[id] = f"trial {trial.number}, {label}: {value:.2f} %"
    return titles


def _titled(drawn: str, titles: Mapping[str, str]) -> str:
    """Add tooltips to the elements of an SVG image, by their ids."""
    for id, words in titles.items():
        drawn = drawn.replace(f'<g id="{id}">', f'<g id="{id}"><title>{words}</title>')
    return drawn


def _scale(axes: Any, number: int, ticks: Sequence[tuple[float, str]]) -> None:
    axes.axvline(number, color="#7a858f", linewidth=0.8, zorder=0)
    for place, words in ticks:
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0}
        axes.text(number + 0.04, place, words, fontsize=8, va="center", parse_math=False, zorder=3, bbox=box)


def _between(distribution: FloatDistribution | IntDistribution) -> list[float]:
    if not distribution.log:
        middle = (distribution.low + distribution.high) / 2
        return [round(middle) if isinstance(distribution, IntDistribution) else middle]
    powers = range(math.floor(math.log10(distribution.low)) + 1, math.ceil(math.log10(distribution.high)))
    # A tick close to an end would overlap its label.
    return [10.0**power for power in powers if distribution.low * 1.3 < 10.0**power < distribution.high / 1.3]


def _results(study: optuna.Study) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    """Return the complete and the pruned trials that have a result."""
    with_result = [trial for trial in trials_of(study) if trial.value is not None]
    done, pruned = ([trial for trial in with_result if trial.state == state] for state in (_DONE, _PRUNED))
    return done, pruned


def _value(trial: FrozenTrial) -> float:
    assert trial.value is not None
    return trial.value


def _top(done: Sequence[FrozenTrial]) -> float:
    """Return the upper end of error rate axes."""
    values = [_value(trial) for trial in done]
    return min(max(values), _MAX_MEDIANS * statistics.median(values)) or max(values)


def _span(trials: Sequence[FrozenTrial], top: float) -> tuple[float, float]:
    """Return the limits of an error rate axis, with a margin."""
    low = min(_value(trial) for trial in trials)
    room = 0.06 * (top - low) or 1.0
    return low - room, top + room


def _title(trials: Sequence[FrozenTrial], top: float) -> str:
    beyond = sum(_value(trial) > top for trial in trials)
    return f"WER on dev, %{f' ({beyond} beyond)' if beyond else ''}"


def _word(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _MAX_LETTERS else f"{text[: _MAX_LETTERS - 1]}…"
