"""A page that compares several runs: their differences, curves and evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from trainer.reports.curves import COMPARED, curves, single
from trainer.reports.evaluation import side_by_side
from trainer.reports.page import code, folded, heading, page, plots, table, text
from trainer.reports.settings import differences
from trainer.run_folder import RunFolder, read_run


def write_comparison(folders: Sequence[Path], out: Path) -> Path:
    """Write the page.

    Raises:
        RunError: one of the folders is not a run.
    """
    runs = by_name([read_run(folder) for folder in folders])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(f"Runs {', '.join(runs)}", _parts(runs)), encoding="utf-8")
    return out


def by_name(runs: Sequence[RunFolder]) -> dict[str, RunFolder]:
    """Runs by name, with as many parent folders as needed to distinguish them; each folder once."""
    by_path = {run.path.resolve(): run for run in runs}
    length = 1
    while len({path.parts[-length:] for path in by_path}) < len(by_path):
        length += 1
    return {"/".join(path.parts[-length:]): run for path, run in by_path.items()}


def _parts(runs: Mapping[str, RunFolder]) -> Iterator[str]:
    head = ("run", "model", "corpus", "steps", "best WER % on dev", "at step", "last loss", "samples per second")
    yield table((*head, ""), [(name, *_row(run)) for name, run in runs.items()], words=3)
    for name, run in runs.items():
        for document in run.evaluations:
            if document["alarm"]["raised"]:
                yield text(f"{name}: {document['alarm']['sentence']}", "alarm")
        yield from (text(f"{name}/{file} is damaged or incomplete.", "note") for file in run.unread)
    yield heading("Differences")
    rows = differences(runs)
    yield (
        table(("option, or entry of plan.json", *runs), rows, words=1 + len(runs))
        if rows
        else text("Their plans do not differ.")
    )
    metrics = {name: run.metrics for name, run in runs.items()}
    drawn, sentences = curves(metrics, COMPARED), [*single(metrics, COMPARED)]
    if drawn or sentences:
        yield heading("Curves")
        yield plots(drawn.values())
        yield from map(text, sentences)
    yield heading("Evaluations")
    yield from side_by_side({name: run.evaluations for name, run in runs.items()})
    yield folded("Commands", _commands(runs))


def _row(run: RunFolder) -> tuple[str, ...]:
    loss, speed = run.last("loss"), run.last("samples_per_s")
    return (
        str(run.plan.get("model", {}).get("name", "")),
        Path(str(run.plan.get("environment", {}).get("corpus", ""))).name,
        f"{run.steps:,}",
        f"{run.best[1]:.2f}" if run.best else "",
        f"{run.best[0]:,}" if run.best else "",
        "" if loss is None else f"{loss:.3f}",
        "" if speed is None else f"{speed:.1f}",
        "" if run.finished else "not complete",
    )


def _commands(runs: Mapping[str, RunFolder]) -> Iterator[str]:
    for name, run in runs.items():
        yield text(name)
        yield code(str(run.plan.get("environment", {}).get("command", "")))
