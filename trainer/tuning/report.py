"""One HTML page of a search: the best and its command line, pictures, what all trials shared, and every trial."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from trainer.reports import run as run_report
from trainer.reports.page import Link, code, heading, page, plots, table, text
from trainer.run_folder import ENDED_NAME, METRICS_NAME, RunError
from trainer.tuning.pictures import history, importance, parallel, slices
from trainer.tuning.results import STATES, best_command, ending, failures, head, ranked, row, shown
from trainer.tuning.study import best_of, document_of, folder_of, trials_of


def write_report(study: optuna.Study, folder: Path) -> Path:
    """Write report.html into the study's folder, and one of each trial that learnt anything into its own."""
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
    parts += [heading("Trials"), table(head(study), (_row(study, trial) for trial in ranked(study)), words=2)]
    if failed := failures(study):
        parts += [heading("Why trials failed", 3), table(("trial", "reason"), failed, words=2)]
    asked = document_of(study)
    varied = [(name.replace("_", "-"), words) for name, words in asked["vary"].items()]
    fixed = [(name.replace("_", "-"), shown(value)) for name, value in asked["fixed"].items()]
    parts += [heading("What varied"), table(("option", "values"), varied, words=2)]
    parts += [heading("What all trials shared"), table(("option", "value"), fixed, words=2)]
    path = folder / run_report.REPORT_NAME
    path.write_text(page(f"Search {folder.name}", parts), encoding="utf-8")
    return path


def _row(study: optuna.Study, trial: FrozenTrial) -> list[str | Link]:
    number, *cells = row(study, trial)
    address = _trial_page(study, trial)
    return [Link(number, address) if address else number, *cells]


def _trial_page(study: optuna.Study, trial: FrozenTrial) -> str:
    """The address of a trial's page, seen from the study's; empty where it learnt nothing.

    `train` writes none of a trial that was pruned or failed, and that of another names weights which are gone by now.
    """
    folder = folder_of(study, trial.number)
    if not (folder / METRICS_NAME).exists():
        return ""
    told = folder / ENDED_NAME
    try:
        if not trial.state.is_finished():
            run_report.write_report(folder)
        elif not told.exists():
            told.write_text(f"As trial {trial.number} of a search: {ending(study, trial.number)}.\n", encoding="utf-8")
            run_report.write_report(folder)
    except RunError:
        return ""  # its own folder is damaged, which is no reason to tell nothing of the others
    return f"{folder.name}/{run_report.REPORT_NAME}"
