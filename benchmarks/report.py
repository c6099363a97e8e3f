"""Command-line arguments, table and JSON output of every benchmark."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Group

from trainer.terminal import console, tables

Row = Mapping[str, object]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the common arguments, to which a benchmark adds its own.

    Args:
        description: the module's docstring, which begins with the command: "`python -m benchmarks.NAME`: …".
    """
    matched = re.match(r"`(python -m [\w.]+)", description or "")
    command = matched[1] if matched else "python -m benchmarks.NAME"
    parser = argparse.ArgumentParser(
        prog=command,
        description=description,
        epilog=f"examples:\n  {command} --quick\n  {command} --json figures.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="a smaller measurement, which takes at most a minute on 2 cores"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and rows to FILE")
    return parser


def report(title: str, rows: Sequence[Row], figures: Mapping[str, float], json_file: Path | None) -> None:
    """Print rows as one table and figures below it; also write both to `json_file`, if given.

    A figure that could not be measured is left out of `figures`, never invented.
    """
    show([(title, rows)], rows, figures, json_file)


def show(
    titled: Sequence[tuple[str, Sequence[Row]]],
    rows: Sequence[Row],
    figures: Mapping[str, float],
    json_file: Path | None,
) -> None:
    """Like `report`, but with several tables, each with its title; `rows` have the columns of all tables."""
    to = console()
    for title, shown in titled:
        to.print(table(title, shown, to.width))
    for name, value in figures.items():
        to.print(f"{name} = {_cell(value)}")
    if json_file is not None:
        document = {"figures": dict(figures), "rows": [dict(row) for row in rows]}
        json_file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def table(title: str, rows: Sequence[Row], width: int) -> Group:
    """A table with a column for each key of any row, in the order of first appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    numeric = {name for name in columns if all(isinstance(row.get(name), int | float | None) for row in rows)}
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    # Row names stay on one line; other text is wrapped on a narrow terminal.
    return Group(*tables(title, columns, cells, width, figures=numeric, names=columns[:1]))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
