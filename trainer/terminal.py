"""Tables that never truncate a figure, in a terminal of any width; at full width if there is no terminal."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Width of output that is not a terminal, such as a pipe, unless COLUMNS is set; rich would use 80.
PIPED_WIDTH = 160
#: Width of the box and its padding per column.
_BESIDE = 2
#: Longer words, such as paths, may be broken.
_BREAKABLE = 24


def console() -> Console:
    """Return the console to print on."""
    terminal = Console()
    return terminal if terminal.is_terminal or "COLUMNS" in os.environ else Console(width=PIPED_WIDTH)


def tables(
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    figures: Collection[str] = (),
    names: Collection[str] = (),
) -> Iterator[Table]:
    """Yield one table; if the columns do not fit into `width`, several, each with the first column.

    Args:
        figures: columns that are aligned right and never broken.
        names: columns that are aligned left and never broken. All others are wrapped.
    """
    whole = {*figures, *names}
    columns = [[row[place] for row in rows] for place in range(len(head))]
    # Headers are wrapped only if they do not fit on one line.
    widths = [_width(name, cells, name in whole, wrap=False) for name, cells in zip(head, columns, strict=True)]
    if sum(widths) + _BESIDE * len(widths) > width:
        widths = [_width(name, cells, name in whole, wrap=True) for name, cells in zip(head, columns, strict=True)]
    for number, places in enumerate(_parts(widths, width)):
        drawn = Table(
            title=Text(title) if title and not number else None,
            box=SIMPLE_HEAD,
            padding=(0, 1),
            pad_edge=False,
            collapse_padding=True,
        )
        for place in places:
            drawn.add_column(
                Text(head[place]),
                justify="right" if head[place] in figures else "left",
                overflow="fold",
                width=widths[place] if head[place] in whole else None,
            )
        for row in rows:
            drawn.add_row(*(Text(row[place]) for place in places))
        yield drawn


def _width(name: str, cells: Sequence[str], whole: bool, wrap: bool) -> int:
    """Return the minimum width of a column."""
    longest_word = max(map(cell_len, name.split() if wrap else [name]), default=0)
    if whole:
        return max(longest_word, *map(cell_len, cells), 1)
    words = [word for cell in cells for word in cell.split()]
    return max(longest_word, min(_BREAKABLE, max(map(cell_len, words), default=1)))


def _parts(widths: Sequence[int], width: int) -> list[list[int]]:
    """Group column indices into tables."""
    parts = [[0]]
    for place in range(1, len(widths)):
        taken = sum(widths[other] + _BESIDE for other in parts[-1])
        if len(parts[-1]) > 1 and taken + widths[place] + _BESIDE > width:
            parts.append([0])
        parts[-1].append(place)
    return parts
