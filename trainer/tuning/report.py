"""HTML report of a study: the best trial and its command line, plots, common options, and all trials."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from trainer.reports import run as run_report
from trainer.reports.page import Link, code, heading, page, plots, table, text
from trainer.run_folder import ENDED_NAME, METRICS_NAME, RunError
from trainer.tuning.pictures import history, importance, parallel, slices
from trainer.tuning.results import STATES, best_command, failures, formatted, head, outcome_of, ranked, row
from trainer.tuning.study import best_of, document_of, folder_of, trials_of


def write_report(study: optuna.Study, folder: Path) -> Path:
    """Write report.html into the study's folder, and one for each trial that logged metrics into the trial's."""
    trials = trials_of(study)
    best, command = best_of(trials), best_command(study)
    counts = Counter(STATES[trial.state] for trial in trials)
    parts = [text(f"{len(trials)} trials: {', '.join(f'{count} {state}' for state, count in counts.items())}.")]
    if best and command:
        parts.append(text(f"Best: trial {best.number}, with a word error rate of {best.value:.2f} % on dev."))
        parts += [code(str(folder_of(study, best.number) / "best")), text("To train a new run with the same options:")]
        parts.append(code(command))
    if counts[STATES[TrialState.COMPLETE]] > 1:
        parts += [heading("Plots"), plots(filter(None, [history(study), importance(study), parallel(study)]))]
        parts += [heading("One parameter at a time", 3), plots(slices(study))]
    parts += [heading("Trials"), table(head(study), (_row(study, trial) for trial in ranked(study)), words=2)]
    if failed := failures(study):
        parts += [heading("Why trials failed", 3), table(("trial", "reason"), failed, words=2)]
    spec = document_of(study)
    varied = [(name.replace("_", "-"), words) for name, words in spec["vary"].items()]
    fixed = [(name.replace("_", "-"), formatted(value)) for name, value in spec["fixed"].items()]
    parts += [heading("Varied options"), table(("option", "values"), varied, words=2)]
    parts += [heading("Common options"), table(("option", "value"), fixed, words=2)]
    path = folder / run_report.REPORT_NAME
    path.write_text(page(f"Search {folder.name}", parts), encoding="utf-8")
    return path


def _row(study: optuna.Study, trial: FrozenTrial) -> list[str | Link]:
    number, *cells = row(study, trial)
    address = _trial_page(study, trial)
    return [Link(number, address) if address else number, *cells]


def _trial_page(study: optuna.Study, trial: FrozenTrial) -> str:
    """Return the link from the study's report to a trial's; empty if the trial logged no metrics.

    The trial's report is written here: `train` writes none for a trial that was pruned or failed, and the report of a
    completed one names weights that may have been deleted since.
    """
    folder = folder_of(study, trial.number)
    if not (folder / METRICS_NAME).exists():
        return ""
    outcome = folder / ENDED_NAME
    try:
        if not trial.state.is_finished():
            run_report.write_report(folder)
        elif not outcome.exists():
            sentence = f"Trial {trial.number} of a study: {outcome_of(study, trial.number)}.\n"
            outcome.write_text(sentence, encoding="utf-8")
            run_report.write_report(folder)
    except RunError:
        return ""  # the trial's folder is damaged; the others are still reported
    return f"{folder.name}/{run_report.REPORT_NAME}"
