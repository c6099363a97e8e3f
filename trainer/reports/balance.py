"""What an epoch saw of each value of a column, beside what there is and what was asked for: rows, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from trainer.evaluation.grouping import shown
from trainer.reports.plots import grouped_bars

#: Values of a column that are told one by one, the most frequent; the others are told together.
VALUES_TOLD = 100


@dataclass(frozen=True)
class Group:
    """A value of a column: what there is of it, what was asked for, and what an epoch saw.

    Attributes:
        clips, hours: in the split that is trained on.
        expected_percent: of the epoch's draws.
        draws, drawn_percent: of the epoch.
        distinct: different clips among those drawn.
        drawn_hours: of the clips as they are on disk, before their speed is changed.
    """

    value: str
    clips: int
    hours: float
    expected_percent: float
    draws: int
    drawn_percent: float
    distinct: int
    drawn_hours: float


def told_groups(rows: Sequence[Group], at_most: int = VALUES_TOLD) -> list[Group]:
    """The first rows, and all others as one: a corpus may have thousands of speakers."""
    rest = rows[at_most:]
    if not rest:
        return list(rows)
    sums = {f.name: round(sum(getattr(row, f.name) for row in rest), 4) for f in fields(Group) if f.name != "value"}
    return [*rows[:at_most], Group(f"{len(rest):,} others", **sums)]


def balance_plot(rows: Sequence[Group], column: str, title: str) -> str:
    """An SVG: for each group of a column three bars in percent: what is there, what was asked for, what was drawn."""
    total = max(1, sum(row.clips for row in rows))
    series = {
        "in train": [100 * row.clips / total for row in rows],
        "asked for": [row.expected_percent for row in rows],
        "seen": [row.drawn_percent for row in rows],
    }
    return grouped_bars([shown(column, row.value) for row in rows], series, title, "percent of clips")
