"""Evaluations in a report: of one run in full, and of several side by side with their differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.evaluation.grouping import shown
from trainer.evaluation.intervals import Change, interval
from trainer.evaluation.result import advice_on_windows, agreement_on, contexts_of, measured_on
from trainer.reports.page import beside, folded, heading, plots, table, text
from trainer.reports.plots import Estimate, intervals

Document = Mapping[str, Any]
#: What was said and how many words that is, by the utterance's id; and errors by all three.
Said = Mapping[str, tuple[str, int]]
Wrong = Mapping[tuple[str, str, int], int]

_FIGURES = ("WER %", "95 %", "by speaker", "sub", "del", "ins", "CER %", "clips")
#: Columns that say the same of all clips are no groups; what noise costs has a picture of its own.
_NO_GROUPS = ("added snr",)
#: Rows of what is listed.
_CONFUSED, _WORST = 15, 20


def evaluation(document: Document) -> Iterator[str]:
    """One evaluation: conditions, noise, groups, words that are mistaken, and the alarm."""
    yield heading(title(document), 3)
    alarm = document["alarm"]
    yield text(str(alarm["sentence"]), "alarm" if alarm["raised"] else "note" if alarm.get("notes") else "dim")
    if told := agreement_on(document):
        yield text(told, "note")
    conditions = told_once(document["conditions"])
    rows = [(*_condition(each), *_figures(each), str(each.get("left_out") or "")) for each in conditions]
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
        yield folded("the same in figures", tables)
    yield from _mistakes(document)


def title(document: Document) -> str:
    """On what, and which model if it is not the best one."""
    which = Path(str(document["model"])).name
    return measured_on(document) + ("" if which == "best" else f", {which}")


def side_by_side(runs: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    """What several runs were measured on, with intervals; and by how much each differs from the first."""
    found: dict[str, dict[str, Document]] = {}
    for name, run, _, condition in _measured(runs):
        found.setdefault(name, {})[run] = condition
    if not found:
        yield text("No run was evaluated: python -m trainer evaluate RUN/best CORPUS", "note")
        return
    rows = [(name, *(_cell(of.get(run)) for run in runs)) for name, of in found.items()]
    yield table(("WER % (95 %)", *runs), rows)
    documents = (document for of_run in runs.values() for document in of_run)
    yield from (text(told, "note") for told in dict.fromkeys(map(agreement_on, documents)) if told)
    series = {run: [_estimate(of[run]) if run in of else None for of in found.values()] for run in runs}
    yield plots([intervals(list(found), series, "Word error rate, in 95 % intervals", "percent")])
    changes = list(_changes(runs))
    if changes:
        first, *others = runs
        yield table((f"change from {first}, points (95 %)", *others), changes)
        yield text("Changes are of the utterances that both heard.", "dim")
    yield from _groups_side_by_side(runs)


def _changes(runs: Mapping[str, Sequence[Document]]) -> Iterator[tuple[str, ...]]:
    """For each evaluation of the first run that others have, too: their difference to it.

    A paired bootstrap, so that what is hard for both does not blur the difference (Bisani and Ney, 2004).
    """
    first, *others = runs
    found: dict[str, dict[str, Wrong]] = {}
    for name, run, said, condition in _measured(runs):
        errors = condition.get("errors", {})
        found.setdefault(name, {})[run] = {(id, *said[id]): errors[id] for id in errors if id in said}
    for name, of in found.items():
        cells = [_change(of[first], of[run]) if first in of and run in of else "" for run in others]
        if any(cells):
            yield (name, *cells)


def _measured(runs: Mapping[str, Sequence[Document]]) -> Iterator[tuple[str, str, Said, Document]]:
    """What was measured, by which run, what was said in it, and what came of it."""
    for run, documents in runs.items():
        for document in documents:
            rows = (*document.get("rows", ()), *document.get("longer", ()))
            said = {row["id"]: (row["reference"], row["words"]) for row in rows if row["words"]}
            for condition in filter(_words, document["conditions"]):
                name = f"{title(document)}, {condition['context_s']:g} s, {_condition(condition)[1]}"
                yield name, run, said, condition


def _change(plain: Wrong, other: Wrong) -> str:
    changes = [Change(said[2], other[said] - errors) for said, errors in plain.items() if said in other]
    if not changes:
        return ""
    points = 100 * sum(change.errors for change in changes) / sum(change.words for change in changes)
    found = interval(changes)
    ends = f" ({found.low_percent:+.1f} to {found.high_percent:+.1f})" if found else ""
    return f"{points:+.1f}{ends}"


def _groups_side_by_side(runs: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    found: dict[tuple[str, str], dict[str, dict[str, Document]]] = {}
    for run, documents in runs.items():
        for document in documents:
            for column, groups in document["groups"].items():
                if len(_spoken(groups)) > 1 and column not in _NO_GROUPS:
                    for value, group in _spoken(groups).items():
                        found.setdefault((title(document), column), {}).setdefault(value, {})[run] = group
    shared = {name: groups for name, groups in found.items() if any(len(of) > 1 for of in groups.values())}
    drawn = []
    for (name, column), groups in shared.items():
        series = {run: [_estimate(of[run]) if run in of else None for of in groups.values()] for run in runs}
        drawn.append(
            intervals([shown(column, value) for value in groups], series, f"By {column}, {name}", "WER in percent")
        )
    yield plots(drawn)


def _sentences(document: Document) -> Iterator[str]:
    figures = document.get("figures", {})
    points = figures.get("short_context_penalty_points")
    if points is not None and len({each["context_s"] for each in document["conditions"]}) > 1:
        yield f"At the short context, WER is {points:+.2f} points off that at the full one, over what fits both."
    points = figures.get("windows_penalty_points")
    if points is not None:
        yield (
            f"With several clips in a window, as sentences are on air, WER is {figures['windows_wer_percent']:.2f} %, "
            f"{points:+.2f} points off that of the same clips alone{advice_on_windows(points)}."
        )
    false = figures.get("false_words_per_hour")
    if false is not None:
        yield f"Where nobody speaks, it writes {false:.1f} words an hour."
    told = [str(document.get("device", ""))]
    if "samples_per_s" in figures:
        told.append(f"{figures['samples_per_s']:.1f} clips a second")
    told += sorted(set(document.get("normalisers", {}).values()))
    yield f"Measured on {', '.join(filter(None, told))}." if any(told) else ""


def told_once(conditions: Sequence[Document]) -> list[Document]:
    """Conditions, those that are the same at full and at short context once; `context` has its seconds then."""
    contexts = contexts_of([(each["context"], each["context_s"], each["snr_db"]) for each in conditions])
    named = zip(contexts, conditions, strict=True)
    return [{**each, "context": context} for context, each in named if context is not None]


def _pictures(conditions: Sequence[Document], groups: Mapping[str, Mapping[str, Document]]) -> Iterator[str]:
    names = list(dict.fromkeys(_condition(each)[1] for each in conditions))
    if len(names) > 1:
        series: dict[str, list[Estimate | None]] = {}
        for condition in conditions:
            context, noise = _condition(condition)
            if _words(condition):
                series.setdefault(context, [None] * len(names))[names.index(noise)] = _estimate(condition)
        yield intervals(names, series, "In added noise", "WER in percent")
    for column, found in groups.items():
        if column not in _NO_GROUPS:
            worst = sorted(found.items(), key=lambda item: -item[1]["wer_percent"])
            drawn = worst if len(found) > 20 else list(found.items())
            of = [_estimate(group) for _, group in drawn]
            yield intervals([shown(column, value) for value, _ in drawn], {"": of}, f"By {column}", "WER in percent")


def _mistakes(document: Document) -> Iterator[str]:
    confusions = document.get("confusions", {})
    pairs = [(a, b, str(n)) for a, b, n in confusions.get("substitutions", ())]
    left_out, put_in = (
        [(word, str(n)) for word, n in confusions.get(kind, ())] for kind in ("deletions", "insertions")
    )
    tables = [
        table(head, rows[:_CONFUSED], words=len(head) - 1)
        for head, rows in ((("said", "written", "times"), pairs), (("left out", "times"), left_out))
        if rows
    ]
    tables += [table(("put in", "times"), put_in[:_CONFUSED])] if put_in else []
    if tables:
        yield beside(tables)
    worst = [
        (f"{row['errors']} of {row['words']}", row["reference"], row["hypothesis"] + (" ✂" if row["truncated"] else ""))
        for row in document.get("worst", ())[:_WORST]
    ]
    if worst:
        yield folded("the worst utterances", [table(("wrong", "said", "written"), worst, words=3)])


def _condition(condition: Document) -> tuple[str, str]:
    snr_db = condition["snr_db"]
    return str(condition["context"]), "clean" if snr_db is None else f"noise at {snr_db:g} dB"


def _words(summary: Document) -> int:
    """How many were said: of none there is no rate, since nobody spoke, or all were longer than the context."""
    return int(summary["words"])


def _spoken(groups: Mapping[str, Document]) -> dict[str, Document]:
    """Groups in which somebody speaks."""
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


def _ends(found: Sequence[float] | None) -> str:
    return f"{found[0]:.1f}–{found[1]:.1f}" if found else ""


def _estimate(summary: Document) -> Estimate:
    percent = float(summary["wer_percent"])
    low, high = summary.get("wer_interval_percent") or (percent, percent)
    return percent, float(low), float(high)
