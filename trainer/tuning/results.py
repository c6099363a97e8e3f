"""Results of a study: a table of its trials, and the command that trains a run like the best one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from trainer.terminal import console as this_console
from trainer.terminal import tables
from trainer.training.options import command_line
from trainer.tuning.study import best_of, folder_of, options_of, trials_of
from trainer.tuning.trial import REASON

#: Maximum number of rows of the table in the terminal; the report has all of them.
MAX_ROWS = 15

#: The states of a trial, in words.
STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Return complete trials, the best first, then pruned ones, then those without a result."""
    order = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING, TrialState.FAIL]

    def key(trial: FrozenTrial) -> tuple[int, float, int]:
        value = trial.value if trial.value is not None else float("inf")
        return order.index(trial.state), value, trial.number

    return sorted(trials_of(study), key=key)


def head(study: optuna.Study) -> list[str]:
    """Return the column headers."""
    return ["trial", "state", "WER on dev %", *(name.replace("_", "-") for name in varied(study)), "minutes"]


def row(study: optuna.Study, trial: FrozenTrial) -> list[str]:
    """Return the cells of a trial: number, state, error rate, parameters, and duration."""
    value = trial.value if trial.state.is_finished() else None
    minutes = trial.duration.total_seconds() / 60 if trial.duration else None
    return [
        str(trial.number),
        STATES[trial.state],
        "" if value is None else f"{value:.2f}",
        *(formatted(trial.params.get(name)) for name in varied(study)),
        "" if minutes is None else f"{minutes:.1f}",
    ]


def parameters_of(study: optuna.Study, number: int) -> str:
    """Return a trial's parameters in one line."""
    params = trials_of(study)[number].params
    return ", ".join(f"{name.replace('_', '-')} {formatted(value)}" for name, value in params.items())


def outcome_of(study: optuna.Study, number: int) -> str:
    """Return the outcome of a trial in one line."""
    trial = trials_of(study)[number]
    value = "" if trial.value is None else f", {trial.value:.2f} % word error rate on dev"
    return f"{STATES[trial.state]}{value}{': ' * (REASON in trial.user_attrs)}{trial.user_attrs.get(REASON, '')}"


def failures(study: optuna.Study) -> list[tuple[str, str]]:
    """Return the numbers of failed trials and the reasons."""
    return [(str(trial.number), trial.user_attrs[REASON]) for trial in trials_of(study) if REASON in trial.user_attrs]


def varied(study: optuna.Study) -> list[str]:
    """Return the names of the parameters that vary."""
    return list(dict.fromkeys(name for trial in trials_of(study) for name in trial.params))


def formatted(value: Any) -> str:
    """Return a parameter's value as text."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def best_command(study: optuna.Study) -> str | None:
    """Return the command of a new run with the best trial's parameters; None if no trial is complete."""
    best = best_of(trials_of(study))
    if best is None:
        return None
    options = options_of(study, best)
    return command_line(
        replace(options, run=options.run.parent.with_name(f"{options.run.parent.name}-best")), brief=True
    )


def show(study: optuna.Study, console: Console | None = None) -> None:
    """Print the table of trials, the best checkpoint, and the command that repeats it."""
    console = console or this_console()
    trials = ranked(study)
    names = head(study)
    rows = [row(study, trial) for trial in trials[:MAX_ROWS]]
    for table in tables("", names, rows, console.width, figures=(names[0], names[2], names[-1])):
        console.print(table)
    if len(trials) > MAX_ROWS:
        console.print(f"and {len(trials) - MAX_ROWS} more")
    for number, reason in failures(study):
        console.print(f"trial {number} failed: {reason}", markup=False, highlight=False, soft_wrap=True)
    best, command = best_of(trials), best_command(study)
    if best and command:
        result = f"best: {best.value:.2f} % word error rate on dev, {folder_of(study, best.number) / 'best'}"
        for text in (result, f"to repeat it: {command}"):
            console.print(text, markup=False, highlight=False, soft_wrap=True)
