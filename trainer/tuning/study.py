"""A study: the options that all its trials share, what varies, and where each trial's run is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from trainer.errors import PlanError
from trainer.run_folder import PLAN_NAME
from trainer.training.options import MACHINE, Options
from trainer.training.plan import refuse_change
from trainer.tuning.folders import absolute
from trainer.tuning.search import pruner
from trainer.tuning.space import Space

_ASKED = "asked"


@dataclass(frozen=True)
class Asked:
    """What is asked of a study. How many trials, and in which order they are tried, may change when it goes on.

    Attributes:
        folder: of the study, with a run's folder for each trial; absolute, since workers start anywhere.
        fixed: fields of `Options` that all trials share, as JSON has them.
        prune: a word of `--prune`.
    """

    folder: Path
    space: Space
    fixed: dict[str, Any]
    prune: str = "median"
    search: str = "tpe"
    seed: int = 1
    trials: int | None = 20

    @property
    def name(self) -> str:
        return self.folder.name

    def document(self) -> dict[str, Any]:
        """What must be the same when the study goes on, in JSON."""
        words = {"fixed": self.fixed, "vary": self.space.words, "prune": self.prune}
        return {"folder": str(self.folder), **words}


def begin(storage: BaseStorage, asked: Asked) -> optuna.Study:
    """A new study, or the one that goes on.

    Raises:
        PlanError: it was begun otherwise, or elsewhere.
    """
    _quiet()
    if (asked.folder / PLAN_NAME).exists():
        raise PlanError(f"{asked.folder} is a run of train: choose another --study")
    study = optuna.create_study(storage=storage, study_name=asked.name, load_if_exists=True)
    before = study.user_attrs.get(_ASKED)
    if before is not None:
        refuse_change(str(asked.folder), _deciding(before), _deciding(asked.document()), option="--study")
        best = best_of(trials_of(study))
        if best and not folder_of(study, best.number).exists():
            raise PlanError(
                f"{asked.folder} has lost trials that the study remembers: put them back, or choose another --study"
            )
    elif any(asked.folder.glob("trial-*")):
        raise PlanError(
            f"{asked.folder} has trials that are not known here: go on where they were begun (with the same Redis, or "
            "with --local), or choose another --study"
        )
    study.set_user_attr(_ASKED, asked.document())
    return load(storage, asked.name)


def _deciding(document: dict[str, Any]) -> dict[str, Any]:
    """What makes trials what they are, by the names of the command line."""
    # A study of before may have folders of sounds as they were typed.
    fixed = {f"--{name}": absolute(name, value) for name, value in document["fixed"].items() if name not in MACHINE}
    vary = {f"--vary {name}": value for name, value in document["vary"].items()}
    named = {**fixed, **vary, "--prune": document["prune"], "folder": document["folder"]}
    return {name.replace("_", "-").replace("--corpus", "CORPUS"): value for name, value in named.items()}


def load(storage: BaseStorage, name: str) -> optuna.Study:
    """A study that was begun, with the pruner that was asked for.

    Raises:
        KeyError: there is none of that name.
    """
    _quiet()
    # Which parameters are tried is decided elsewhere; this sampler is never asked.
    study = optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler())
    study.pruner = pruner(document_of(study)["prune"])
    return study


def document_of(study: optuna.Study) -> dict[str, Any]:
    """What was asked of a study, as `Asked.document` has it."""
    found: dict[str, Any] = study.user_attrs[_ASKED]
    return found


def options_of(study: optuna.Study, trial: FrozenTrial) -> Options:
    """What a trial asks of `train`."""
    asked = document_of(study)
    values = {**asked["fixed"], **trial.params}
    if not values.get("lora"):  # a trial without adapters, among others with them
        values = {name: value for name, value in values.items() if name not in ("lora_alpha", "lora_targets")}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    corpus = Path(values.pop("corpus"))
    return Options(**values, corpus=corpus, run=folder_of(study, trial.number))


def folder_of(study: optuna.Study, number: int) -> Path:
    """The run folder of a trial."""
    return Path(document_of(study)["folder"]) / f"trial-{number:04d}"


def trials_of(study: optuna.Study) -> list[FrozenTrial]:
    """All trials as they are now, in their order; not to be changed."""
    return study.get_trials(deepcopy=False)


def best_of(trials: list[FrozenTrial]) -> FrozenTrial | None:
    """The trial with the fewest errors of those that came to their end."""
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    return min(done, key=lambda trial: (trial.value, trial.number), default=None)


def _quiet() -> None:
    """Optuna tells of every trial; our bar and table do."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
