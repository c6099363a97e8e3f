"""One HTML page of a search: the best and its command line, pictures, what all trials shared, and every trial."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import optuna
from optuna.trial import TrialState

from trainer.page import code, heading, page, plots, table, text
from trainer.tuning.pictures import history, importance, parallel, slices
from trainer.tuning.results import STATES, best_command, failures, head, ranked, row, shown
from trainer.tuning.study import best_of, document_of, folder_of, trials_of

REPORT_NAME = "report.html"


def write_report(study: optuna.Study, folder: Path) -> Path:
    """Write report.html into the study's folder."""
    trials = trials_of(study)
    best, command = best_of(trials), best_command(study)
    counts = Counter(STATES[trial.state] for trial in trials)
    parts = [text(f"{len(trials)} trials: {', '.join(f'{count} {state}' for state, count in counts.items())}.")]
    if best and command:
        parts.append(text(f"Best: {best.value:.2f} % of the words in dev wrong, by trial {best.number}."))
        parts += [code(str(folder_of(study, best.number) / "best")), text("A run of its own with the same options:")]
        parts.append(code(command))
    if counts[STATES[TrialState.COMPLETE]] > 1:
        parts += [heading("Pictures"), plots(filter(None, [history(study), importance(study), parallel(study)]))]
        parts += [heading("One parameter at a time", 3), plots(slices(study))]
    parts += [heading("Trials"), table(head(study), (row(study, trial) for trial in ranked(study)), words=2)]
    if failed := failures(study):
        parts += [heading("Why trials failed", 3), table(("trial", "reason"), failed, words=2)]
    asked = document_of(study)
    varied = [(name.replace("_", "-"), words) for name, words in asked["vary"].items()]
    fixed = [(name.replace("_", "-"), shown(value)) for name, value in asked["fixed"].items()]
    parts += [heading("What varied"), table(("option", "values"), varied, words=2)]
    parts += [heading("What all trials shared"), table(("option", "value"), fixed, words=2)]
    path = folder / REPORT_NAME
    path.write_text(page(f"Search {folder.name}", parts), encoding="utf-8")
    return path
