"""Self-contained HTML pages: the frame, tables and notes of every report. All text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_STYLE = """\
:root { color-scheme: light dark; --text: #1b2733; --back: #fff; --line: #d8dee4; --dim: #5b6872; --code: #f2f5f7;
  --note: #fff6dd; --alarm: #fde8e6 }
@media (prefers-color-scheme: dark) {
  :root { --text: #dde3e8; --back: #1f1f1f; --line: #3c444b; --dim: #98a4ae; --code: #2a2d30; --note: #3a3217;
    --alarm: #4a2320 }
  .plots svg { filter: invert(.88) hue-rotate(180deg) }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
  color: var(--text); background: var(--back) }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } h3 { font-size: 1rem; margin-top: 1.5rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; margin: .6rem 0 }
th, td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start }
.plots svg { max-width: 100%; height: auto }
.note, .alarm { background: var(--note); padding: .4rem .8rem; border-left: 4px solid #d9a400 }
.alarm { background: var(--alarm); border-color: #c0392b }
.side { display: flex; flex-wrap: wrap; gap: 0 2.5rem; align-items: flex-start }
.dim { color: var(--dim) }
summary { cursor: pointer }
a { color: inherit }
code { background: var(--code); padding: .1rem .3rem; overflow-wrap: anywhere }
"""


@dataclass(frozen=True)
class Link:
    """A cell that links to another page in the same folder."""

    words: str
    address: str


def page(title: str, parts: Iterable[str], style: str = "") -> str:
    """A complete page with a heading.

    Args:
        parts: HTML, from the functions below.
        style: additional CSS.
    """
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{name}</title>\n<style>\n{_STYLE}{style}</style></head><body>\n<h1>{name}</h1>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def heading(words: str, level: int = 2) -> str:
    """A section heading."""
    return f"<h{level}>{html.escape(words)}</h{level}>"


def text(words: str, kind: str = "") -> str:
    """A paragraph; `kind` is note, alarm or dim."""
    return f"<p{_class(kind)}>{html.escape(words)}</p>"


def code(words: str) -> str:
    """A paragraph of code."""
    return f"<p><code>{html.escape(words)}</code></p>"


def table(head: Sequence[str], rows: Iterable[Sequence[str | Link]], words: int = 1) -> str:
    """A table whose first `words` columns are text, and all others numbers."""

    def line(tag: str, cells: Sequence[str | Link]) -> str:
        kinds = ["" if place < words else "number" for place in range(len(cells))]
        drawn = (f"<{tag}{_class(kind)}>{_cell(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
        return f"<tr>{''.join(drawn)}</tr>"

    body = line("th", head) + "".join(line("td", row) for row in rows)
    return f'<div class="scroll"><table>{body}</table></div>'


def plots(drawn: Iterable[str]) -> str:
    """Plots side by side, as the width allows; empty if there are none."""
    svgs = list(drawn)
    return "\n".join(['<div class="plots">', *svgs, "</div>"]) if svgs else ""


def tables_side_by_side(parts: Iterable[str]) -> str:
    """Tables side by side, as the width allows."""
    return "\n".join(['<div class="side">', *parts, "</div>"])


def folded(title: str, parts: Iterable[str]) -> str:
    """A collapsed section."""
    return "\n".join([f"<details><summary>{html.escape(title)}</summary>", *parts, "</details>"])


def _cell(cell: str | Link) -> str:
    if isinstance(cell, Link):
        return f'<a href="{html.escape(cell.address)}">{html.escape(cell.words)}</a>'
    return html.escape(cell)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
