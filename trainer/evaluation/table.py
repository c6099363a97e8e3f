"""An evaluation on the terminal: conditions side by side, groups, confusions, the worst utterances, the alarm."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

from rich.console import Console, Group
from rich.markup import escape

from trainer.corpus.clips import UNKNOWN
from trainer.evaluation.grouping import shown as shown_value
from trainer.evaluation.intervals import Interval
from trainer.evaluation.result import Evaluation, advice_on_windows, contexts_of
from trainer.evaluation.summary import Summary
from trainer.terminal import console as this_console
from trainer.terminal import tables

#: Rows of each table on the terminal; the file has all of them.
MOST_ROWS = 10

_FIGURES = ("WER %", "95 %", "speakers", "sub", "del", "ins", "CER %", "clips")


def show(found: Evaluation, console: Console | None = None) -> None:
    """Print it."""
    console = console or this_console()
    console.print(_conditions(found, console.width))
    for column, groups in found.groups.items():
        spoken = {value: summary for value, summary in groups.items() if summary.utterances}
        if set(spoken) - {UNKNOWN}:
            console.print(_groups(column, spoken, console.width))
    console.print(_confusions(found, console.width))
    console.print(_worst(found, console.width))
    for name, value in found.figures.items():
        console.print(f"{name} = {value:.4g}", highlight=False)
    if advice := advice_on_windows(found.figures.get("windows_penalty_points", 0.0)):
        console.print(f"Several clips in a window, as on air, cost it much{advice}.", style="yellow", highlight=False)
    style = "bold red" if found.alarm.raised else "yellow" if found.alarm.notes else "green"
    console.print(escape(found.alarm.sentence), style=style, highlight=False)


def _conditions(found: Evaluation, width: int) -> Group:
    """Noise is named, and what was too long for the context has a column, if there is any."""
    normalisers = ", ".join(dict.fromkeys(found.normalisers.values()))
    contexts = contexts_of([(each.context, each.context_s, each.snr_db) for each in found.conditions])
    noisy = any(condition.snr_db is not None for condition in found.conditions)
    figures = (*_FIGURES, "too long") if any(condition.left_out for condition in found.conditions) else _FIGURES
    rows = []
    for context, condition in zip(contexts, found.conditions, strict=True):
        if context is not None:
            noise = "clean" if condition.snr_db is None else f"{condition.snr_db:g} dB"
            cells = (*_cells(condition.summary), str(condition.left_out or ""))
            rows.append((f"{context}, {noise}" if noisy else context, *cells[: len(figures)]))
    title = f"{found.model} on {found.device}; {normalisers}"
    return Group(*tables(title, ("context", *figures), rows, width, figures))


def _groups(column: str, groups: Mapping[str, Summary], width: int) -> Group:
    """The worst, if there are many; in their own order otherwise."""
    shown = list(groups.items())
    title = f"by {column}"
    if len(shown) > MOST_ROWS:
        shown = sorted(shown, key=lambda item: -item[1].wer_percent)[:MOST_ROWS]
        title += f": the worst {MOST_ROWS} of {len(groups)}"
    rows = [(shown_value(column, value), *_cells(summary)) for value, summary in shown]
    return Group(*tables(title, (column, *_FIGURES), rows, width, _FIGURES))


def _confusions(found: Evaluation, width: int) -> Group:
    substitutions = [f"{a} → {b} {n}" for (a, b), n in found.confusions.substitutions.most_common(MOST_ROWS)]
    deletions = [f"{word} {n}" for word, n in found.confusions.deletions.most_common(MOST_ROWS)]
    insertions = [f"{word} {n}" for word, n in found.confusions.insertions.most_common(MOST_ROWS)]
    rows = list(zip_longest(substitutions, deletions, insertions, fillvalue=""))
    return Group(*tables("words", ("taken for another", "left out", "put in"), rows, width)) if rows else Group()


def _worst(found: Evaluation, width: int) -> Group:
    rows = [
        (f"{row.words.errors}/{row.words.words}", row.reference, row.hypothesis + (" ✂" if row.truncated else ""))
        for row in found.worst[:MOST_ROWS]
    ]
    head = ("errors", "reference", "hypothesis")
    return Group(*tables("the worst utterances", head, rows, width, names=head[:1])) if rows else Group()


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
