"""A trial: a training run that reports its metrics to the study, and that a pruner may stop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import optuna
from optuna.trial import TrialState

from trainer.errors import TrainerError
from trainer.folder_lock import folder_lock
from trainer.os_errors import explain
from trainer.run_folder import DEV_WER, PLAN_NAME, read_plan
from trainer.training.loop import Diverged
from trainer.training.options import Options
from trainer.training.train import OnMeasure, train_run
from trainer.tuning.study import options_of, trials_of
from wire.bus import UNAVAILABLE

#: The attribute of a trial that holds the reason of its failure.
REASON = "reason"


def run_trial(study: optuna.Study, number: int) -> None:
    """Run a trial, or resume it from its checkpoint, and report its outcome to the study; do nothing if it has ended.

    Raises:
        RedisError: Redis is unreachable; the trial can be resumed.
    """
    frozen = trials_of(study)[number]
    options = options_of(study, frozen)
    with folder_lock(options.run, "--run", wait=True):
        options = _with_initial_precision(options)
        # The process that held the lock may have finished the trial.
        if trials_of(study)[number].state.is_finished():
            return
        trial = optuna.Trial(study, frozen._trial_id)
        try:
            outcome = train_run(options, _reporter(trial, options.measures or 1))
        except optuna.TrialPruned:
            study.tell(number, state=TrialState.PRUNED)
        except UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001  # any error is the result of the trial's parameters
            mark_failed(study, number, _reason(error, options))
        else:
            study.tell(number, outcome.best)


def _with_initial_precision(options: Options) -> Options:
    """Return the options with the precision that the trial began with, even if this machine would choose another."""
    if not (options.run / PLAN_NAME).exists():
        return options
    return replace(options, precision=read_plan(options.run)["plan"]["precision"])


def mark_failed(study: optuna.Study, number: int, reason: str) -> None:
    """Record in the study that a trial failed, and why."""
    optuna.Trial(study, trials_of(study)[number]._trial_id).set_user_attr(REASON, reason)
    study.tell(number, state=TrialState.FAIL)


def _reporter(trial: optuna.Trial, measures: int) -> OnMeasure:
    """Return a callback that reports metrics by the share of training done: step counts differ between trials."""
    reported = set(trials_of(trial.study)[trial.number].intermediate_values)

    def report(done: float, metrics: Mapping[str, float]) -> None:
        if not all(map(math.isfinite, metrics.values())):
            raise Diverged(f"it diverged: the loss is NaN or infinite after {100 * done:.0f} % of the training")
        step = max(1, round(measures * done))
        if step not in reported:
            reported.add(step)
            trial.report(metrics[DEV_WER], step)
        if done < 1.0 and trial.should_prune():
            raise optuna.TrialPruned

    return report


def _reason(error: Exception, options: Options) -> str:
    if message := explain(error, str(options.run), resumable=True):
        return message
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first if isinstance(error, TrainerError) else f"{type(error).__name__}: {first}"
