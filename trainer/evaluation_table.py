"""An evaluation on the terminal: conditions side by side, groups, confusions, the worst utterances, the alarm."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trainer.clips import UNKNOWN
from trainer.evaluation import Evaluation, contexts_of
from trainer.grouping import shown as shown_value
from trainer.intervals import Interval
from trainer.summary import Summary

#: Rows of each table on the terminal; the file has all of them.
MOST_ROWS = 10

_FIGURES = ("WER %", "95 %", "speakers", "sub", "del", "ins", "CER %", "clips")


def show(found: Evaluation, console: Console | None = None) -> None:
    """Print it."""
    console = console or Console()
    normalisers = ", ".join(dict.fromkeys(found.normalisers.values()))
    console.print(_conditions(found, normalisers))
    for column, groups in found.groups.items():
        spoken = {value: summary for value, summary in groups.items() if summary.utterances}
        if set(spoken) - {UNKNOWN}:
            console.print(_groups(column, spoken))
    confusions = _confusions(found)
    if confusions.row_count:
        console.print(confusions)
    if found.worst:
        console.print(_worst(found))
    for name, value in found.figures.items():
        console.print(f"{name} = {value:.4g}", highlight=False)
    style = "bold red" if found.alarm.raised else "green"
    console.print(escape(found.alarm.sentence), style=style, highlight=False)


def _conditions(found: Evaluation, normalisers: str) -> Table:
    drawn = _table(f"{found.model} on {found.device}; {normalisers}", "context", "noise", *_FIGURES, "too long")
    contexts = contexts_of([(each.context, each.context_s, each.snr_db) for each in found.conditions])
    for context, condition in zip(contexts, found.conditions, strict=True):
        if context is not None:
            noise = "clean" if condition.snr_db is None else f"{condition.snr_db:g} dB"
            drawn.add_row(context, noise, *_cells(condition.summary), str(condition.left_out or ""))
    return drawn


def _groups(column: str, groups: Mapping[str, Summary]) -> Table:
    """The worst, if there are many; in their own order otherwise."""
    shown = list(groups.items())
    title = f"by {column}"
    if len(shown) > MOST_ROWS:
        shown = sorted(shown, key=lambda item: -item[1].wer_percent)[:MOST_ROWS]
        title += f": the worst {MOST_ROWS} of {len(groups)}"
    drawn = _table(title, column, *_FIGURES)
    for value, summary in shown:
        drawn.add_row(escape(shown_value(column, value)), *_cells(summary))
    return drawn


def _confusions(found: Evaluation) -> Table:
    drawn = Table("taken for another", "left out", "put in", title="words", box=SIMPLE_HEAD, padding=(0, 1))
    substitutions = [f"{a} → {b} {n}" for (a, b), n in found.confusions.substitutions.most_common(MOST_ROWS)]
    deletions = [f"{word} {n}" for word, n in found.confusions.deletions.most_common(MOST_ROWS)]
    insertions = [f"{word} {n}" for word, n in found.confusions.insertions.most_common(MOST_ROWS)]
    for row in range(max(map(len, (substitutions, deletions, insertions)))):
        columns = (substitutions, deletions, insertions)
        drawn.add_row(*(escape(column[row]) if row < len(column) else "" for column in columns))
    return drawn


def _worst(found: Evaluation) -> Table:
    drawn = Table("errors", "reference", "hypothesis", title="the worst utterances", box=SIMPLE_HEAD, padding=(0, 1))
    for row in found.worst[:MOST_ROWS]:
        cut = " ✂" if row.truncated else ""
        drawn.add_row(f"{row.words.errors}/{row.words.words}", escape(row.reference), escape(row.hypothesis) + cut)
    return drawn


def _table(title: str, *columns: str) -> Table:
    drawn = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, collapse_padding=True)
    for column in columns:
        numeric = column in _FIGURES
        fixed = numeric or column in ("context", "noise")
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=fixed)
    return drawn


def _cells(summary: Summary) -> list[str]:
    score = summary.words
    return [
        f"{score.wer_percent:.1f}" if score.words else "",
        _ends(summary.by_utterance),
        _ends(summary.by_speaker),
        *(str(errors) for errors in (score.substitutions, score.deletions, score.insertions)),
        f"{summary.characters.wer_percent:.1f}" if score.words else "",
        str(summary.utterances),
    ]


def _ends(found: Interval | None) -> str:
    return "" if found is None else f"{found.low_percent:.1f}–{found.high_percent:.1f}"
