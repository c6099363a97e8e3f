"""Evaluations in a report: those of one run in full, and those of several runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.evaluation.grouping import shown
from trainer.evaluation.intervals import Change, interval
from trainer.evaluation.result import advice_on_windows, agreement_on, contexts_of, measured_on
from trainer.reports.page import folded, heading, plots, table, tables_side_by_side, text
from trainer.reports.plots import Estimate, intervals

Document = Mapping[str, Any]
#: Reference and its number of words, by utterance id.
References = Mapping[str, tuple[str, int]]
#: Errors, by utterance id, reference and number of words.
Errors = Mapping[tuple[str, str, int], int]

_FIGURES = ("WER %", "95 %", "by speaker", "sub", "del", "ins", "CER %", "clips")
#: Groups that are not shown as such: added noise has its own plot.
_NO_GROUPS = ("added snr",)
#: Maximum rows of the tables of confusions and of the worst utterances.
_CONFUSED, _WORST = 15, 20


def evaluation(document: Document) -> Iterator[str]:
    """One evaluation: the alarm, conditions, noise, groups and confusions."""
    yield heading(title(document), 3)
    alarm = document["alarm"]
    yield text(str(alarm["sentence"]), "alarm" if alarm["raised"] else "note" if alarm.get("notes") else "dim")
    if note := agreement_on(document):
        yield text(note, "note")
    conditions = distinct(document["conditions"])
    rows = [(*_condition(row), *_figures(row), str(row.get("left_out") or "")) for row in conditions]
    yield table(("context", "noise", *_FIGURES, "too long"), rows, words=2)
    yield from (text(sentence) for sentence in _sentences(document))
    groups = {column: _spoken(found) for column, found in document["groups"].items() if len(_spoken(found)) > 1}
    yield plots(_pictures(conditions, groups))
    tables = [
        table((column, *_FIGURES), [(shown(column, value), *_figures(group)) for value, group in found.items()])
        for column, found in groups.items()
        if column not in _NO_GROUPS
    ]
    if tables:
        yield folded("Figures by group", tables)
    yield from _confusions(document)


def title(document: Document) -> str:
    """What was measured on, and which model if it is not the best one."""
    which = Path(str(document["model"])).name
    return measured_on(document) + ("" if which == "best" else f", {which}")


def side_by_side(runs: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    """The evaluations of several runs with intervals, and their differences from the first run."""
    by_name: dict[str, dict[str, Document]] = {}
    for name, run, _, condition in _measured(runs):
        by_name.setdefault(name, {})[run] = condition
    if not by_name:
        yield text("No run was evaluated: python -m trainer evaluate RUN/best CORPUS", "note")
        return
    rows = [(name, *(_cell(by_run.get(run)) for run in runs)) for name, by_run in by_name.items()]
    yield table(("WER % (95 %)", *runs), rows)
    documents = (document for of_run in runs.values() for document in of_run)
    yield from (text(note, "note") for note in dict.fromkeys(map(agreement_on, documents)) if note)
    series = {run: [_estimate(by_run[run]) if run in by_run else None for by_run in by_name.values()] for run in runs}
    yield plots([intervals(list(by_name), series, "Word error rate, with 95 % intervals", "percent")])
    changes = list(_changes(runs))
    if changes:
        first, *others = runs
        yield table((f"change from {first}, points (95 %)", *others), changes)
        yield text("Changes are over the utterances that both runs were measured on.", "dim")
    yield from _groups_side_by_side(runs)


def _changes(runs: Mapping[str, Sequence[Document]]) -> Iterator[tuple[str, ...]]:
    """For each evaluation of the first run that others share: their difference from it.

    A paired bootstrap, so that utterances which are hard for both do not blur the difference (Bisani and Ney, 2004).
    """
    first, *others = runs
    by_name: dict[str, dict[str, Errors]] = {}
    for name, run, references, condition in _measured(runs):
        errors = condition.get("errors", {})
        by_name.setdefault(name, {})[run] = {(id, *references[id]): errors[id] for id in errors if id in references}
    for name, by_run in by_name.items():
        cells = [_change(by_run[first], by_run[run]) if first in by_run and run in by_run else "" for run in others]
        if any(cells):
            yield (name, *cells)


def _measured(runs: Mapping[str, Sequence[Document]]) -> Iterator[tuple[str, str, References, Document]]:
    """The name, run, references and condition of each measurement."""
    for run, documents in runs.items():
        for document in documents:
            rows = (*document.get("rows", ()), *document.get("longer", ()))
            references = {row["id"]: (row["reference"], row["words"]) for row in rows if row["words"]}
            for condition in filter(_words, document["conditions"]):
                name = f"{title(document)}, {condition['context_s']:g} s, {_condition(condition)[1]}"
                yield name, run, references, condition


def _change(first: Errors, other: Errors) -> str:
    changes = [Change(key[2], other[key] - errors) for key, errors in first.items() if key in other]
    if not changes:
        return ""
    points = 100 * sum(change.errors for change in changes) / sum(change.words for change in changes)
    bounds = interval(changes)
    ends = f" ({bounds.low_percent:+.1f} to {bounds.high_percent:+.1f})" if bounds else ""
    return f"{points:+.1f}{ends}"


def _groups_side_by_side(runs: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    by_column: dict[tuple[str, str], dict[str, dict[str, Document]]] = {}
    for run, documents in runs.items():
        for document in documents:
            for column, groups in document["groups"].items():
                if len(_spoken(groups)) > 1 and column not in _NO_GROUPS:
                    for value, group in _spoken(groups).items():
                        by_column.setdefault((title(document), column), {}).setdefault(value, {})[run] = group
    shared = {key: groups for key, groups in by_column.items() if any(len(by_run) > 1 for by_run in groups.values())}
    drawn = []
    for (name, column), groups in shared.items():
        series = {
            run: [_estimate(by_run[run]) if run in by_run else None for by_run in groups.values()] for run in runs
        }
        drawn.append(
            intervals([shown(column, value) for value in groups], series, f"By {column}, {name}", "WER in percent")
        )
    yield plots(drawn)


def _sentences(document: Document) -> Iterator[str]:
    figures = document.get("figures", {})
    points = figures.get("short_context_penalty_points")
    if points is not None and len({each["context_s"] for each in document["conditions"]}) > 1:
        yield f"At the short context, WER differs by {points:+.2f} points from the full one, over clips that fit both."
    points = figures.get("windows_penalty_points")
    if points is not None:
        yield (
            f"With several clips in a window, as on air, WER is {figures['windows_wer_percent']:.2f} %, "
            f"{points:+.2f} points from that of the same clips alone{advice_on_windows(points)}."
        )
    false = figures.get("false_words_per_hour")
    if false is not None:
        yield f"Without speech, it writes {false:.1f} words per hour."
    details = [str(document.get("device", ""))]
    if "samples_per_s" in figures:
        details.append(f"{figures['samples_per_s']:.1f} clips per second")
    details += sorted(set(document.get("normalisers", {}).values()))
    yield f"Measured on {', '.join(filter(None, details))}." if any(details) else ""


def distinct(conditions: Sequence[Document]) -> list[Document]:
    """Conditions without repetitions, if full and short context are the same; `context` includes its seconds."""
    contexts = contexts_of([(row["context"], row["context_s"], row["snr_db"]) for row in conditions])
    named = zip(contexts, conditions, strict=True)
    return [{**condition, "context": context} for context, condition in named if context is not None]


def _pictures(conditions: Sequence[Document], groups: Mapping[str, Mapping[str, Document]]) -> Iterator[str]:
    names = list(dict.fromkeys(_condition(condition)[1] for condition in conditions))
    if len(names) > 1:
        series: dict[str, list[Estimate | None]] = {}
        for condition in conditions:
            context, noise = _condition(condition)
            if _words(condition):
                series.setdefault(context, [None] * len(names))[names.index(noise)] = _estimate(condition)
        yield intervals(names, series, "With added noise", "WER in percent")
    for column, summaries in groups.items():
        if column not in _NO_GROUPS:
            worst = sorted(summaries.items(), key=lambda item: -item[1]["wer_percent"])
            drawn = worst if len(summaries) > 20 else list(summaries.items())
            estimates = [_estimate(group) for _, group in drawn]
            values = [shown(column, value) for value, _ in drawn]
            yield intervals(values, {"": estimates}, f"By {column}", "WER in percent")


def _confusions(document: Document) -> Iterator[str]:
    confusions = document.get("confusions", {})
    substitutions = [(a, b, str(n)) for a, b, n in confusions.get("substitutions", ())]
    deletions, insertions = (
        [(word, str(n)) for word, n in confusions.get(kind, ())] for kind in ("deletions", "insertions")
    )
    tables = [
        table(head, rows[:_CONFUSED], words=len(head) - 1)
        for head, rows in ((("spoken", "written", "times"), substitutions), (("deleted", "times"), deletions))
        if rows
    ]
    tables += [table(("inserted", "times"), insertions[:_CONFUSED])] if insertions else []
    if tables:
        yield tables_side_by_side(tables)
    worst = [
        (f"{row['errors']} of {row['words']}", row["reference"], row["hypothesis"] + (" ✂" if row["truncated"] else ""))
        for row in document.get("worst", ())[:_WORST]
    ]
    if worst:
        yield folded("The worst utterances", [table(("errors", "reference", "hypothesis"), worst, words=3)])


def _condition(condition: Document) -> tuple[str, str]:
    snr_db = condition["snr_db"]
    return str(condition["context"]), "clean" if snr_db is None else f"noise at {snr_db:g} dB"


def _words(summary: Document) -> int:
    """The number of words; without any (no speech, or all clips too long), there is no error rate."""
    return int(summary["words"])


def _spoken(groups: Mapping[str, Document]) -> dict[str, Document]:
    """Groups with speech."""
    return {value: group for value, group in groups.items() if _words(group)}


def _figures(summary: Document) -> tuple[str, ...]:
    counts = (str(summary.get(name, "")) for name in ("substitutions", "deletions", "insertions"))
    return (
        f"{summary['wer_percent']:.1f}" if _words(summary) else "",
        _ends(summary.get("wer_interval_percent")),
        _ends(summary.get("wer_interval_by_speaker_percent")),
        *counts,
        f"{summary['cer_percent']:.1f}" if _words(summary) else "",
        str(summary.get("utterances", "")),
    )


def _cell(summary: Document | None) -> str:
    if summary is None:
        return ""
    ends = _ends(summary.get("wer_interval_percent"))
    return f"{summary['wer_percent']:.1f}" + (f" ({ends})" if ends else "")


def _ends(bounds: Sequence[float] | None) -> str:
    return f"{bounds[0]:.1f}–{bounds[1]:.1f}" if bounds else ""


def _estimate(summary: Document) -> Estimate:
    percent = float(summary["wer_percent"])
    low, high = summary.get("wer_interval_percent") or (percent, percent)
    return percent, float(low), float(high)
