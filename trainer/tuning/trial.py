"""One trial: a training run that tells the study how it does, and that a pruner may end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import optuna
from optuna.trial import TrialState

from trainer.errors import TrainerError
from trainer.held import held
from trainer.refusals import sentence
from trainer.run_folder import DECISIVE, PLAN_NAME, read_plan
from trainer.training.loop import Diverged
from trainer.training.options import Options
from trainer.training.train import Told, train_run
from trainer.tuning.study import options_of, trials_of
from wire.bus import AWAY

#: A trial's attribute that says why it failed.
REASON = "reason"


def perform(study: optuna.Study, number: int) -> None:
    """Run a trial, or go on with it from its checkpoint; how it ended is told to the study. One that has is left alone.

    Raises:
        RedisError: Redis is away; the trial can be taken up again.
    """
    frozen = trials_of(study)[number]
    options = options_of(study, frozen)
    with held(options.run, "--run", wait=True):
        options = _as_begun(options)
        # Whoever had it until now may have brought it to its end.
        if trials_of(study)[number].state.is_finished():
            return
        trial = optuna.Trial(study, frozen._trial_id)
        try:
            found = train_run(options, _telling(trial, options.measures or 1))
        except optuna.TrialPruned:
            study.tell(number, state=TrialState.PRUNED)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001  # whatever ends a trial is what is known of its parameters
            fail(study, number, _sentence(error, options))
        else:
            study.tell(number, found.best)


def _as_begun(options: Options) -> Options:
    """In the precision that the trial was begun in, though this machine would choose another."""
    if not (options.run / PLAN_NAME).exists():
        return options
    return replace(options, precision=read_plan(options.run)["plan"]["precision"])


def fail(study: optuna.Study, number: int, reason: str) -> None:
    """Tell the study that a trial failed, and why."""
    optuna.Trial(study, trials_of(study)[number]._trial_id).set_user_attr(REASON, reason)
    study.tell(number, state=TrialState.FAIL)


def _telling(trial: optuna.Trial, measures: int) -> Told:
    """Reports measures by how much of the training is behind: trials of other batches have other steps."""
    reported = set(trials_of(trial.study)[trial.number].intermediate_values)

    def told(done: float, found: Mapping[str, float]) -> None:
        if not all(map(math.isfinite, found.values())):
            raise Diverged(f"it diverged: the loss is no number when {100 * done:.0f} % of the training is behind")
        step = max(1, round(measures * done))
        if step not in reported:
            reported.add(step)
            trial.report(found[DECISIVE], step)
        if done < 1.0 and trial.should_prune():
            raise optuna.TrialPruned

    return told


def _sentence(error: Exception, options: Options) -> str:
    if refused := sentence(error, str(options.run), goes_on=True):
        return refused
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first if isinstance(error, TrainerError) else f"{type(error).__name__}: {first}"
