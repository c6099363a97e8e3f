"""The report.html of a run: settings, curves, the clips of each epoch, and evaluations."""

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
from trainer.reports.settings import about, environment, examples, regularisation
from trainer.run_folder import RunFolder, read_run

REPORT_NAME = "report.html"
#: The loss on dev has risen if it exceeds its minimum by this factor and this difference: less is noise, or makes a
#: correct token hardly less likely (by 5 %).
_RISEN, _RISEN_BY = 1.1, 0.05
#: Epochs whose shares are shown side by side: the first ones and the last one.
_EPOCHS_SHOWN = 6


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the run in `folder`, by default into it.

    Raises:
        RunError: it is not a run.
    """
    run = read_run(folder)
    path = out or folder / REPORT_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(f"Run {run.name}", _parts(run)), encoding="utf-8")
    return path


def outcome(run: RunFolder) -> str:
    """How far it got and how good it is, in a sentence."""
    best = "not measured yet"
    if run.best:
        best = f"best WER on dev {run.best[1]:.2f} %, at step {run.best[0]:,}"
    speed = run.last("samples_per_s")
    done = _examples(run.seen)
    took = f" in {done / speed / 60:,.1f} min" if speed and done else ""
    planned = run.plan.get("plan", {}).get("utterances", 0)
    early = f", stopped early at {100 * done / planned:.0f} % of its plan" if 0 < done < planned else ""
    return f"{run.steps:,} steps{took}{early}; {best}."


def notes(run: RunFolder) -> Iterator[str]:
    """What the reader should know first."""
    if run.ended:
        yield run.ended
    elif not run.finished:
        yield "Training is not complete: it is running, or was interrupted; the same command resumes it."
    for name in run.unread:
        yield f"{name} is damaged or incomplete, and is left out here."
    if run.best and (note := agreement("dev", run.plan.get("environment", {}).get("dev_written_by", ()))):
        yield note
    if losses := run.series("dev_loss"):
        step, lowest = min(losses, key=lambda point: point[1])
        _, last = losses[-1]
        if last > max(_RISEN * lowest, lowest + _RISEN_BY):
            yield (
                f"The loss on dev was lowest at step {step:,} ({lowest:.2f}) and has risen to {last:.2f}: since then "
                "the model overfits. More data, --augment and --dropout help, and --patience stops a run that no "
                "longer improves."
            )
    if not run.evaluations and not (run.ended and "best" not in run.declared):
        yield f"Not evaluated yet: python -m trainer evaluate {run.path / 'best'} CORPUS"


def _parts(run: RunFolder) -> Iterator[str]:
    yield text(outcome(run))
    yield from (text(note, "note") for note in notes(run))
    for document in run.evaluations:
        if document["alarm"]["raised"]:
            yield text(str(document["alarm"]["sentence"]), "alarm")
    yield heading("Settings")
    yield table(("", ""), about(run), words=2)
    if command := run.plan.get("environment", {}).get("command"):
        yield code(str(command))
    drawn, sentences = curves({"": run.metrics}), [*single({"": run.metrics})]
    if drawn or sentences:
        yield heading("Curves")
        yield plots(drawn.values())
        yield from map(text, sentences)
    yield heading("Regularisation")
    used, unused = regularisation(run)
    yield table(("", ""), used)
    yield text(f"Not used: {', '.join(unused)} (train --help).", "dim")
    yield heading("Training examples")
    options = examples(run)
    yield table(("", ""), options, words=2) if options else text("Each clip once per epoch, without augmentation.")
    yield from _seen(run)
    if run.evaluations:
        yield heading("Evaluations")
        for document in run.evaluations:
            yield from evaluation(document)
    yield heading("Environment")
    yield table(("", ""), environment(run), words=2)


def _seen(run: RunFolder) -> Iterator[str]:
    if run.seen is None:
        yield text("The clips of each epoch are listed here once training is complete.", "dim")
        return
    if run.seen.get("note"):
        yield text(f"Balance: {run.seen['note']}.", "note")
    epochs: Sequence[Mapping[str, Any]] = run.seen["epochs"]
    rows = [
        (_number(e, epochs), f"{e.get('clips', e['draws']):,}", f"{e['hours']:.3f}", f"{e['without_speech']:,}")
        for e in epochs
    ]
    head = ("epoch", "clips", "hours", "examples without speech")
    complete = sum(not _partial(epoch, epochs) for epoch in epochs)
    title = f"{complete} epochs{', and a partial one' * (complete < len(epochs))}"
    yield table(head, rows) if len(rows) <= _EPOCHS_SHOWN else folded(title, [table(head, rows)])
    columns = [c for c in run.seen["columns"] if any(len(epoch["groups"].get(c, ())) > 1 for epoch in epochs)]
    yield plots(balance_plot(_total(epochs, column), column, f"By {column}, all epochs") for column in columns)
    for column in columns:
        yield _shares(epochs, column)


def _total(epochs: Sequence[Mapping[str, Any]], column: str) -> list[Group]:
    """The groups of a column over all epochs; `distinct` is the maximum of any epoch."""
    by_value: dict[str, list[Group]] = {}
    names = [f.name for f in fields(Group)]
    for epoch in epochs:
        for row in epoch["groups"].get(column, ()):
            by_value.setdefault(row["value"], []).append(Group(**{name: row[name] for name in names}))
    total = max(1, sum(row.draws for rows in by_value.values() for row in rows))
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
        for value, rows in by_value.items()
    ]


def _shares(epochs: Sequence[Mapping[str, Any]], column: str) -> str:
    """A column's values: their clips in the corpus, their requested share, and their share in each epoch."""
    listed = epochs if len(epochs) <= _EPOCHS_SHOWN else [*epochs[: _EPOCHS_SHOWN - 1], epochs[-1]]
    percent = [{row["value"]: row["drawn_percent"] for row in epoch["groups"].get(column, ())} for epoch in listed]
    groups = _total(epochs, column)
    total = max(1, sum(group.clips for group in groups))
    rows = [
        (
            shown(column, group.value),
            f"{group.clips:,}",
            f"{group.hours:.3f}",
            f"{100 * group.clips / total:.1f}",
            f"{group.expected_percent:.1f}",
            *(f"{shares.get(group.value, 0.0):.1f}" for shares in percent),
            f"{group.drawn_hours:.3f}",
        )
        for group in groups
    ]
    names = [f"epoch {_number(epoch, epochs)} %" for epoch in listed]
    head = (column, "clips", "hours", "of train %", "requested %", *names, "hours drawn")
    return folded(f"By {column} and epoch", [table(head, rows)])


def _number(epoch: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> str:
    """The number of an epoch, starting at 1."""
    return f"{epoch['epoch'] + 1}{' (partial)' * _partial(epoch, epochs)}"


def _partial(epoch: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an epoch is incomplete. The last batch may extend into one more epoch than requested."""
    return epoch is not epochs[0] and bool(epoch["draws"] < epochs[0]["draws"])


def _examples(seen: Mapping[str, Any] | None) -> int:
    """The number of examples in all epochs."""
    return sum(epoch["draws"] + epoch["without_speech"] for epoch in seen["epochs"]) if seen else 0
