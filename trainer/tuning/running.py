"""The search loop: proposes trials, has them run, and resumes unfinished ones, until there are enough."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from typing import Never, Protocol

import optuna
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

from trainer.errors import TrainerError
from trainer.folder_lock import folder_lock
from trainer.run_folder import MODELS
from trainer.training.checkpoint import CHECKPOINT_NAME
from trainer.tuning.search import propose
from trainer.tuning.study import StudySpec, best_of, folder_of, trials_of
from trainer.tuning.trial import REASON, run_trial

#: Stop if this many trials fail before any succeeds: the others would fail as well.
MAX_FAILED_AT_START = 3
#: Stop if this many fail in a row: a worker with a full disk, say, takes one trial after another.
MAX_FAILED_IN_A_ROW = 5
#: The large files of a trial's run.
_WEIGHTS = (*MODELS, CHECKPOINT_NAME)
_KEEP_ALL = "keep_all"


class TrialRunner(Protocol):
    """Runs trials."""

    def capacity(self) -> int:
        """Return how many trials can run at once."""

    def ensure_running(self, study: optuna.Study, number: int) -> None:
        """Make sure that an unfinished trial, new or interrupted, is run. Called repeatedly until it ends."""

    def pause(self) -> None:
        """Wait briefly before the next check."""

    def status(self) -> str:
        """Return what to show the user about the runner; may be empty."""


class LocalRunner:
    """Runs trials in this process, one after another."""

    def capacity(self) -> int:
        return 1

    def ensure_running(self, study: optuna.Study, number: int) -> None:
        run_trial(study, number)

    def pause(self) -> None:
        """No wait: `ensure_running` returns when the trial has ended."""

    def status(self) -> str:
        return ""


def run_search(study: optuna.Study, spec: StudySpec, runner: TrialRunner, keep_all: bool = False) -> None:
    """Run trials until there are `spec.trials`, or nothing is left to try.

    Args:
        keep_all: keep the weights of all trials, not only of the best; remembered by the study.

    Raises:
        PlanError: another process runs this study.
        TrainerError: all trials failed, or too many in a row.
    """
    exhausted, started = False, datetime.now()
    if keep_all:
        study.set_user_attr(_KEEP_ALL, True)
    keep_all = study.user_attrs.get(_KEEP_ALL, False)
    with folder_lock(spec.folder, "--study"), _bar(spec) as bar:
        while True:
            trials = trials_of(study)
            running = [trial.number for trial in trials if not trial.state.is_finished()]
            _update(bar, trials, runner)
            _stop_if_failing(trials, started)
            if not keep_all:
                _delete_weights(study, trials)
            for number in running:
                runner.ensure_running(study, number)
            wanted = spec.trials is None or len(trials) < spec.trials
            if wanted and not exhausted and len(running) < runner.capacity():
                exhausted = not add(study, spec)
            elif running:
                runner.pause()
            elif trials and best_of(trials) is None:
                raise TrainerError(f"none of {len(trials)} trials has a result: {_reason(trials[-1])}")
            else:
                return


def add(study: optuna.Study, spec: StudySpec) -> bool:
    """Add a trial to the study; return False if nothing is left to try."""
    params = propose(spec.space, trials_of(study), spec.search, spec.seed)
    if params is None:
        return False
    # Created with its parameters: an enqueued trial would lack them if this process were killed before asking for it.
    trial = optuna.create_trial(
        state=TrialState.RUNNING, params=params, distributions=spec.space.distributions, value=None
    )
    study.add_trial(trial)
    return True


def _stop_if_failing(trials: list[FrozenTrial], started: datetime) -> None:
    """Raise an error if all trials of the study failed, or the last ones since this process `started`."""
    ended = sorted((t for t in trials if t.datetime_complete), key=lambda t: t.datetime_complete or started)
    if len(ended) >= MAX_FAILED_AT_START and all(trial.state == TrialState.FAIL for trial in ended):
        raise TrainerError(
            f"all of the first {len(ended)} trials failed: {_reason(ended[-1])}; fix that, and choose another --study"
        )
    recent = [trial for trial in ended if trial.datetime_complete and trial.datetime_complete > started]
    last = recent[-MAX_FAILED_IN_A_ROW:]
    if len(last) == MAX_FAILED_IN_A_ROW and all(trial.state == TrialState.FAIL for trial in last):
        raise TrainerError(
            f"the last {len(last)} trials failed: {_reason(last[-1])}; fix that, then the same command resumes"
        )


def _reason(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(REASON, "unknown reason"))


def _delete_weights(study: optuna.Study, trials: list[FrozenTrial]) -> None:
    """Delete the weights of trials that are not the best."""
    best = best_of(trials)
    for trial in trials:
        if trial.state.is_finished() and trial is not best:
            for name in _WEIGHTS:
                path = folder_of(study, trial.number) / name
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


def _bar(spec: StudySpec) -> tqdm[Never]:
    points = len(spec.space.grid()) if spec.search == "grid" else None
    total = min(filter(None, (spec.trials, points)), default=None)
    return tqdm(total=total, unit="trial", desc=f"tune {spec.name}", smoothing=0.1)


def _update(bar: tqdm[Never], trials: list[FrozenTrial], runner: TrialRunner) -> None:
    best = best_of(trials)
    parts = [f"best {best.value:.2f} % by trial {best.number}"] if best else []
    parts += [status] if (status := runner.status()) else []
    postfix = ", ".join(parts)
    # A terminal is refreshed for the elapsed time; a log gets only changes.
    bar.set_postfix_str(postfix, refresh=postfix != bar.postfix or sys.stderr.isatty())
    # An update by 0 would distort tqdm's estimate of the time per trial.
    if new := sum(trial.state.is_finished() for trial in trials) - bar.n:
        bar.update(new)
