"""report.html of a run: what it was, its curves, what its epochs heard, and what was measured of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from trainer.corpus.corrections import agreement
from trainer.evaluation.grouping import shown
from trainer.reports.balance import Group, balance_plot
from trainer.reports.curves import curves, single
from trainer.reports.evaluation import evaluation
from trainer.reports.page import code, folded, heading, page, plots, table, text
from trainer.reports.settings import about, examples, made_with, regularisation
from trainer.run_folder import RunFolder, read_run

REPORT_NAME = "report.html"
#: The loss on dev has risen when it is so many times its lowest, and by so much: less is no more than its noise, or
#: makes a token that was right hardly less likely (by 5 %).
_RISEN, _RISEN_BY = 1.1, 0.05
#: Epochs whose shares stand side by side: the first ones and the last one.
_EPOCHS_SHOWN = 6


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the run in a folder; by default into it.

    Raises:
        RunError: it is no run.
    """
    run = read_run(folder)
    path = out or folder / REPORT_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(f"Run {run.name}", _parts(run)), encoding="utf-8")
    return path


def outcome(run: RunFolder) -> str:
    """How far it came and how good it is, in a sentence."""
    best = "nothing was measured yet"
    if run.best:
        best = f"{run.best[1]:.2f} % of the words in dev were wrong at best, at step {run.best[0]:,}"
    speed = run.last("samples_per_s")
    heard = _heard(run.seen)
    took = f" in {heard / speed / 60:,.1f} min" if speed and heard else ""
    asked = run.plan.get("plan", {}).get("utterances", 0)
    early = f", stopped early at {100 * heard / asked:.0f} % of its plan" if 0 < heard < asked else ""
    return f"{run.steps:,} steps{took}{early}; {best}."


def notes(run: RunFolder) -> Iterator[str]:
    """What whoever reads the report should know first."""
    if run.ended:
        yield run.ended
    elif not run.finished:
        yield "Training has not ended: it is under way, or was interrupted, and goes on with the same command."
    for name in run.unread:
        yield f"{name} is damaged, or half written, and is not told here."
    if run.best and (told := agreement("dev", run.plan.get("environment", {}).get("dev_written_by", ()))):
        yield told
    if losses := run.series("dev_loss"):
        step, lowest = min(losses, key=lambda point: point[1])
        _, last = losses[-1]
        if last > max(_RISEN * lowest, lowest + _RISEN_BY):
            yield (
                f"The loss on dev was lowest at step {step:,} ({lowest:.2f}) and has risen to {last:.2f}: from there "
                "on the model learns its clips by heart. What helps is more data, --augment, --dropout, and "
                "--patience, which ends a run that gets no better."
            )
    if not run.evaluations and not (run.ended and "best" not in run.declared):
        yield f"Not evaluated yet: python -m trainer evaluate {run.path / 'best'} CORPUS"


def _parts(run: RunFolder) -> Iterator[str]:
    yield text(outcome(run))
    yield from (text(note, "note") for note in notes(run))
    for document in run.evaluations:
        if document["alarm"]["raised"]:
            yield text(str(document["alarm"]["sentence"]), "alarm")
    yield heading("What it was")
    yield table(("", ""), about(run), words=2)
    if command := run.plan.get("environment", {}).get("command"):
        yield code(str(command))
    drawn, dots = curves({"": run.metrics}), [*single({"": run.metrics})]
    if drawn or dots:
        yield heading("Curves")
        yield plots(drawn.values())
        yield from map(text, dots)
    yield heading("Regularisation")
    used, unused = regularisation(run)
    yield table(("", ""), used)
    yield text(f"Not used: {', '.join(unused)} (train --help).", "dim")
    yield heading("What it heard")
    told = examples(run)
    yield table(("", ""), told, words=2) if told else text("Clips as they are, each once an epoch.")
    yield from _seen(run)
    if run.evaluations:
        yield heading("Evaluations")
        for document in run.evaluations:
            yield from evaluation(document)
    yield heading("Made with")
    yield table(("", ""), made_with(run), words=2)


def _seen(run: RunFolder) -> Iterator[str]:
    if run.seen is None:
        yield text("What each epoch saw is told at the end of training.", "dim")
        return
    if run.seen.get("note"):
        yield text(f"Balanced: {run.seen['note']}.", "note")
    epochs: Sequence[Mapping[str, Any]] = run.seen["epochs"]
    rows = [
        (_number(e, epochs), f"{e.get('clips', e['draws']):,}", f"{e['hours']:.3f}", f"{e['without_speech']:,}")
        for e in epochs
    ]
    head = ("epoch", "clips", "hours", "examples without speech")
    whole = sum(not _begun(epoch, epochs) for epoch in epochs)
    title = f"{whole} epochs{', and one begun' * (whole < len(epochs))}"
    yield table(head, rows) if len(rows) <= _EPOCHS_SHOWN else folded(title, [table(head, rows)])
    columns = [c for c in run.seen["columns"] if any(len(epoch["groups"].get(c, ())) > 1 for epoch in epochs)]
    together = "all epochs together"
    yield plots(balance_plot(_together(epochs, column), column, f"By {column}, {together}") for column in columns)
    for column in columns:
        yield _shares(epochs, column)


def _together(epochs: Sequence[Mapping[str, Any]], column: str) -> list[Group]:
    """The groups of a column over all epochs; `distinct` is that of the epoch that had most."""
    found: dict[str, list[Group]] = {}
    names = [f.name for f in fields(Group)]
    for epoch in epochs:
        for row in epoch["groups"].get(column, ()):
            found.setdefault(row["value"], []).append(Group(**{name: row[name] for name in names}))
    total = max(1, sum(row.draws for rows in found.values() for row in rows))
    return [
        Group(
            value,
            rows[0].clips,
            rows[0].hours,
            rows[0].expected_percent,
            sum(row.draws for row in rows),
            100 * sum(row.draws for row in rows) / total,
            max(row.distinct for row in rows),
            sum(row.drawn_hours for row in rows),
        )
        for value, rows in found.items()
    ]


def _shares(epochs: Sequence[Mapping[str, Any]], column: str) -> str:
    """A column's values: how much there is of each, what was asked for, and what epochs saw."""
    told = epochs if len(epochs) <= _EPOCHS_SHOWN else [*epochs[: _EPOCHS_SHOWN - 1], epochs[-1]]
    percent = [{row["value"]: row["drawn_percent"] for row in epoch["groups"].get(column, ())} for epoch in told]
    groups = _together(epochs, column)
    total = max(1, sum(group.clips for group in groups))
    rows = [
        (
            shown(column, group.value),
            f"{group.clips:,}",
            f"{group.hours:.3f}",
            f"{100 * group.clips / total:.1f}",
            f"{group.expected_percent:.1f}",
            *(f"{each.get(group.value, 0.0):.1f}" for each in percent),
            f"{group.drawn_hours:.3f}",
        )
        for group in groups
    ]
    names = [f"epoch {_number(epoch, epochs)} %" for epoch in told]
    head = (column, "clips", "hours", "of train %", "asked for %", *names, "hours heard")
    return folded(f"by {column}, epoch by epoch", [table(head, rows)])


def _number(epoch: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> str:
    """An epoch, the first being 1."""
    return f"{epoch['epoch'] + 1}{' (begun)' * _begun(epoch, epochs)}"


def _begun(epoch: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no more than a part of it was heard. The last batch may reach into one more than were asked for."""
    return epoch is not epochs[0] and bool(epoch["draws"] < epochs[0]["draws"])


def _heard(seen: Mapping[str, Any] | None) -> int:
    """Examples in all epochs."""
    return sum(epoch["draws"] + epoch["without_speech"] for epoch in seen["epochs"]) if seen else 0
