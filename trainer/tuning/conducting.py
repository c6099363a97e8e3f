"""The search itself: propose trials, have them performed, and take up what was left behind, until there are enough."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from typing import Never, Protocol

import optuna
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

from trainer.errors import TrainerError
from trainer.held import held
from trainer.run_folder import MODELS
from trainer.training.checkpoint import CHECKPOINT_NAME
from trainer.tuning.search import propose
from trainer.tuning.study import Asked, best_of, folder_of, trials_of
from trainer.tuning.trial import REASON, perform

#: If so many trials fail before any does not, all others would.
GIVE_UP_TRIALS = 3
#: If so many fail in a row, it is hardly their parameters: a worker whose disk is full takes one after another.
GIVE_UP_IN_A_ROW = 5
#: What a trial's run leaves that is large.
_WEIGHTS = (*MODELS, CHECKPOINT_NAME)
_KEEP_ALL = "keep_all"


class Crew(Protocol):
    """Those who perform trials."""

    def width(self) -> int:
        """How many trials at once."""

    def see_to(self, study: optuna.Study, number: int) -> None:
        """Have a trial performed that has no end: a new one, or one that was left behind. Called until it has one."""

    def pause(self) -> None:
        """Wait a little until something may have changed."""

    def news(self) -> str:
        """What a user should know of them now, if anything."""


class Here:
    """This process performs trials, one after another."""

    def width(self) -> int:
        return 1

    def see_to(self, study: optuna.Study, number: int) -> None:
        perform(study, number)

    def pause(self) -> None:
        """Nothing changes by itself."""

    def news(self) -> str:
        return ""


def conduct(study: optuna.Study, asked: Asked, crew: Crew, keep_all: bool = False) -> None:
    """Search until there are `asked.trials`, or nothing is left to try.

    Args:
        keep_all: the weights of all trials, not only of the best; from now on, in this study.

    Raises:
        PlanError: another process conducts this study.
        TrainerError: all trials failed, or too many in a row.
    """
    exhausted, began = False, datetime.now()
    if keep_all:
        study.set_user_attr(_KEEP_ALL, True)
    keep_all = study.user_attrs.get(_KEEP_ALL, False)
    with held(asked.folder, "--study"), _bar(asked) as bar:
        while True:
            trials = trials_of(study)
            running = [trial.number for trial in trials if not trial.state.is_finished()]
            _show(bar, trials, crew)
            _refuse_hopeless(trials, began)
            if not keep_all:
                _forget(study, trials)
            for number in running:
                crew.see_to(study, number)
            wanted = asked.trials is None or len(trials) < asked.trials
            if wanted and not exhausted and len(running) < crew.width():
                exhausted = not add(study, asked)
            elif running:
                crew.pause()
            elif trials and best_of(trials) is None:
                raise TrainerError(f"none of {len(trials)} trials came to a result: {_reason(trials[-1])}")
            else:
                return


def add(study: optuna.Study, asked: Asked) -> bool:
    """One more trial, unless there is nothing left to try."""
    params = propose(asked.space, trials_of(study), asked.search, asked.seed)
    if params is None:
        return False
    # At once with its parameters: an enqueued trial would have none if we were killed before it is asked for.
    trial = optuna.create_trial(
        state=TrialState.RUNNING, params=params, distributions=asked.space.distributions, value=None
    )
    study.add_trial(trial)
    return True


def _refuse_hopeless(trials: list[FrozenTrial], began: datetime) -> None:
    """Refuse to go on if nothing ever succeeds, or nothing does any more since this search was taken up."""
    ends = sorted((t for t in trials if t.datetime_complete), key=lambda t: t.datetime_complete or began)
    if len(ends) >= GIVE_UP_TRIALS and all(trial.state == TrialState.FAIL for trial in ends):
        raise TrainerError(
            f"none of the first {len(ends)} trials came to an end: {_reason(ends[-1])}; mend that, and choose another "
            "--study"
        )
    last = [trial for trial in ends if trial.datetime_complete and trial.datetime_complete > began][-GIVE_UP_IN_A_ROW:]
    if len(last) == GIVE_UP_IN_A_ROW and all(trial.state == TrialState.FAIL for trial in last):
        raise TrainerError(
            f"the last {len(last)} trials failed: {_reason(last[-1])}; mend that, and the same command goes on"
        )


def _reason(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(REASON, "nobody said why"))


def _forget(study: optuna.Study, trials: list[FrozenTrial]) -> None:
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


def _bar(asked: Asked) -> tqdm[Never]:
    points = len(asked.space.grid()) if asked.search == "grid" else None
    total = min(filter(None, (asked.trials, points)), default=None)
    return tqdm(total=total, unit="trial", desc=f"tune {asked.name}", smoothing=0.1)


def _show(bar: tqdm[Never], trials: list[FrozenTrial], crew: Crew) -> None:
    best = best_of(trials)
    told = [f"best {best.value:.2f} % of trial {best.number}"] if best else []
    told += [news] if (news := crew.news()) else []
    # The clock of a terminal goes on; a log hears what is new.
    bar.set_postfix_str(", ".join(told), refresh=", ".join(told) != bar.postfix or sys.stderr.isatty())
    # An update by nothing would be taken for the time that a trial takes.
    if new := sum(trial.state.is_finished() for trial in trials) - bar.n:
        bar.update(new)
