"""Searches over a table of results with a known best point."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.training.search import AFTER, COARSE, POINTS, Outcome, Table, compare_searches, key, simulate_search
from trainer.tuning.space import parse


def _rate(params: dict[str, Any]) -> float:
    """Best between the points of the coarse grid."""
    return 10 + 8 * abs(math.log10(params["learning_rate"]) + 2.667) + (4 if params["batch"] != 8 else 0)


def _table() -> Table:
    return {key(params): _rate(params) for params in parse(POINTS).grid()}


def test_the_coarse_grid_is_the_budget_and_in_the_table() -> None:
    table, coarse = _table(), parse(COARSE).grid()
    assert len(coarse) == AFTER[-1] < len(table)
    assert all(key(params) in table for params in coarse)


def test_search_uses_its_whole_budget() -> None:
    table = _table()
    for name in ("grid", "random", "tpe"):
        values = simulate_search(parse(POINTS), table, name, 0, 9)
        assert len(values) == 9
        assert set(values) <= set(table.values())
    assert sorted(simulate_search(parse(POINTS), table, "tpe", 0, 99)) == sorted(table.values()), "each once"


def test_failed_trial_counts_as_the_worst() -> None:
    full = _table()
    best, worst = min(full.values()), max(full.values())
    table = {name: rate for name, rate in full.items() if rate != best}
    values = simulate_search(parse(POINTS), table, "grid", 0, 99)
    assert len(values) == len(full)
    assert values.count(worst) == len(full) - len(table) + list(full.values()).count(worst)


def test_points_between_those_of_the_grid_are_found_by_other_searches() -> None:
    found = compare_searches(_table(), seeds=3)
    figures = found.figures()
    assert set(figures) == {"search_wer_percent_grid", "search_wer_percent_random", "search_wer_percent_tpe"}
    assert figures["search_wer_percent_tpe"] < figures["search_wer_percent_grid"]
    assert all(seed == sorted(seed, reverse=True) for seeds in found.best.values() for seed in seeds)


def test_rows_have_means_and_spread() -> None:
    best = {"grid": [[40.0, 30.0, 20.0, 20.0]] * 4, "random": [[40.0, 30.0, 20.0, 10.0]] * 4}
    rows = Outcome(best, {"one": 10.0, "two": 90.0}).rows()
    assert [row["search"] for row in rows] == ["grid", "random", "all 2 points"]
    assert rows[0]["best of 3, WER %"] == "40.0 (40.0 to 40.0)"
    assert [row.get("found the best") for row in rows] == ["0 of 4", "4 of 4", None]
    assert [row.get("against chance, points") for row in rows] == ["+10.0 (+10.0 to +10.0)", "", None]
    assert rows[2]["best of 12, WER %"] == "10.0 to 90.0"
