"""How often an epoch used each value of a column, compared with the corpus and the requested shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from trainer.evaluation.grouping import shown
from trainer.reports.plots import grouped_bars

#: The most frequent values of a column are listed one by one, the others as one row.
VALUES_LISTED = 100


@dataclass(frozen=True)
class Group:
    """A value of a column: its clips in the corpus, the requested share, and what an epoch used.

    Attributes:
        clips, hours: in the train split.
        expected_percent: the requested share of the epoch's draws.
        draws, drawn_percent: in the epoch.
        distinct: distinct clips among those drawn.
        drawn_hours: of the clips as stored, before augmentation changes their speed.
    """

    value: str
    clips: int
    hours: float
    expected_percent: float
    draws: int
    drawn_percent: float
    distinct: int
    drawn_hours: float


def top_groups(rows: Sequence[Group], at_most: int = VALUES_LISTED) -> list[Group]:
    """The first rows, and all others as one: a corpus may have thousands of speakers."""
    rest = rows[at_most:]
    if not rest:
        return list(rows)
    sums = {f.name: round(sum(getattr(row, f.name) for row in rest), 4) for f in fields(Group) if f.name != "value"}
    return [*rows[:at_most], Group(f"{len(rest):,} others", **sums)]


def balance_plot(rows: Sequence[Group], column: str, title: str) -> str:
    """An SVG with three bars in percent for each group of a column: in the corpus, requested, and drawn."""
    total = max(1, sum(row.clips for row in rows))
    series = {
        "in train": [100 * row.clips / total for row in rows],
        "requested": [row.expected_percent for row in rows],
        "drawn": [row.drawn_percent for row in rows],
    }
    return grouped_bars([shown(column, row.value) for row in rows], series, title, "percent of clips")
