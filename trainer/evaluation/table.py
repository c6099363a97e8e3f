"""Print an evaluation on the terminal: conditions, groups, confusions, the worst utterances, and the alarm."""

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


def show(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print an evaluation."""
    console = console or this_console()
    console.print(_conditions(evaluation, console.width))
    for column, groups in evaluation.groups.items():
        spoken = {value: summary for value, summary in groups.items() if summary.utterances}
        if set(spoken) - {UNKNOWN}:
            console.print(_groups(column, spoken, console.width))
    console.print(_confusions(evaluation, console.width))
    console.print(_worst(evaluation, console.width))
    for name, value in evaluation.figures.items():
        console.print(f"{name} = {value:.4g}", highlight=False)
    if advice := advice_on_windows(evaluation.figures.get("windows_penalty_points", 0.0)):
        warning = f"WER is much higher with several clips in a window, as on air{advice}."
        console.print(warning, style="yellow", highlight=False)
    style = "bold red" if evaluation.alarm.raised else "yellow" if evaluation.alarm.notes else "green"
    console.print(escape(evaluation.alarm.sentence), style=style, highlight=False)


def _conditions(evaluation: Evaluation, width: int) -> Group:
    """A table of conditions; noise and clips that are too long are shown only if there are any."""
    conditions = evaluation.conditions
    normalisers = ", ".join(dict.fromkeys(evaluation.normalisers.values()))
    contexts = contexts_of([(condition.context, condition.context_s, condition.snr_db) for condition in conditions])
    noisy = any(condition.snr_db is not None for condition in conditions)
    figures = (*_FIGURES, "too long") if any(condition.left_out for condition in conditions) else _FIGURES
    rows = []
    for context, condition in zip(contexts, conditions, strict=True):
        if context is not None:
            noise = "clean" if condition.snr_db is None else f"{condition.snr_db:g} dB"
            cells = (*_cells(condition.summary), str(condition.left_out or ""))
            rows.append((f"{context}, {noise}" if noisy else context, *cells[: len(figures)]))
    title = f"{evaluation.model} on {evaluation.device}; {normalisers}"
    return Group(*tables(title, ("context", *figures), rows, width, figures))


def _groups(column: str, groups: Mapping[str, Summary], width: int) -> Group:
    """A table of groups; if there are many, only the worst."""
    shown = list(groups.items())
    title = f"by {column}"
    if len(shown) > MOST_ROWS:
        shown = sorted(shown, key=lambda item: -item[1].wer_percent)[:MOST_ROWS]
        title += f": the worst {MOST_ROWS} of {len(groups)}"
    rows = [(shown_value(column, value), *_cells(summary)) for value, summary in shown]
    return Group(*tables(title, (column, *_FIGURES), rows, width, _FIGURES))


def _confusions(evaluation: Evaluation, width: int) -> Group:
    confusions = evaluation.confusions
    substitutions = [f"{a} → {b} {n}" for (a, b), n in confusions.substitutions.most_common(MOST_ROWS)]
    deletions = [f"{word} {n}" for word, n in confusions.deletions.most_common(MOST_ROWS)]
    insertions = [f"{word} {n}" for word, n in confusions.insertions.most_common(MOST_ROWS)]
    rows = list(zip_longest(substitutions, deletions, insertions, fillvalue=""))
    return Group(*tables("words", ("substituted", "deleted", "inserted"), rows, width)) if rows else Group()


def _worst(evaluation: Evaluation, width: int) -> Group:
    rows = [
        (f"{row.words.errors}/{row.words.words}", row.reference, row.hypothesis + (" ✂" if row.truncated else ""))
        for row in evaluation.worst[:MOST_ROWS]
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


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low_percent:.1f}–{interval.high_percent:.1f}"
