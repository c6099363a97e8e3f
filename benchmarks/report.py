"""What all benchmarks share: their arguments, one table, one JSON file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def parser(description: str) -> argparse.ArgumentParser:
    """`--quick` and `--json FILE`; a benchmark adds its own."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="a rougher figure, within a minute on two cores")
    made.add_argument("--json", metavar="FILE", type=Path, help="also write figures and rows there")
    return made


def report(
    title: str, rows: Sequence[Mapping[str, Any]], figures: Mapping[str, float], json_path: Path | None = None
) -> None:
    """Print `rows` as one table and write {"figures": …, "rows": …} if asked to.

    Args:
        rows: each with the same keys, which head the columns.
        figures: by name; one that could not be measured is left out, never invented.
    """
    table = Table(title=title)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for name in columns:
        numbers = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(name, justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(_shown(row.get(name)) for name in columns))
    Console().print(table)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        content = {"figures": dict(figures), "rows": [dict(row) for row in rows]}
        json_path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
