"""A study: the options that all its trials share, the options that vary, and the folder of each trial's run."""

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
from trainer.tuning.folders import with_absolute_folders
from trainer.tuning.search import pruner
from trainer.tuning.space import Space

#: The attribute of an Optuna study that holds `StudySpec.document`.
_SPEC = "asked"


@dataclass(frozen=True)
class StudySpec:
    """Describes a study. The number of trials and the search algorithm may change when it is resumed.

    Attributes:
        folder: of the study, with a run's folder for each trial; absolute, since workers may start in any directory.
        fixed: fields of `Options` that all trials share, as JSON values.
        prune: a value of `--prune`.
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
        """Return, as JSON, what must not change when the study is resumed."""
        words = {"fixed": self.fixed, "vary": self.space.words, "prune": self.prune}
        return {"folder": str(self.folder), **words}


def begin(storage: BaseStorage, spec: StudySpec) -> optuna.Study:
    """Create a study, or load it to resume it.

    Raises:
        PlanError: the study was created with other options, or in another storage.
    """
    _quiet()
    if (spec.folder / PLAN_NAME).exists():
        raise PlanError(f"{spec.folder} is a run of train: choose another --study")
    study = optuna.create_study(storage=storage, study_name=spec.name, load_if_exists=True)
    before = study.user_attrs.get(_SPEC)
    if before is not None:
        refuse_change(str(spec.folder), _fixed_settings(before), _fixed_settings(spec.document()), option="--study")
        best = best_of(trials_of(study))
        if best and not folder_of(study, best.number).exists():
            raise PlanError(
                f"{spec.folder} lacks folders of trials of the study: restore them, or choose another --study"
            )
    elif any(spec.folder.glob("trial-*")):
        raise PlanError(
            f"{spec.folder} has trials of a study that is stored elsewhere: resume it as it was started (with the same "
            "Redis, or with --local), or choose another --study"
        )
    study.set_user_attr(_SPEC, spec.document())
    return load(storage, spec.name)


def _fixed_settings(document: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that determine the trials, by their names on the command line."""
    # Older studies may have relative paths.
    fixed = {
        f"--{name}": with_absolute_folders(name, value)
        for name, value in document["fixed"].items()
        if name not in MACHINE
    }
    vary = {f"--vary {name}": value for name, value in document["vary"].items()}
    named = {**fixed, **vary, "--prune": document["prune"], "folder": document["folder"]}
    return {name.replace("_", "-").replace("--corpus", "CORPUS"): value for name, value in named.items()}


def load(storage: BaseStorage, name: str) -> optuna.Study:
    """Load a study with its pruner.

    Raises:
        KeyError: there is no study of that name.
    """
    _quiet()
    # `search.propose` chooses the parameters; this sampler is not used.
    study = optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler())
    study.pruner = pruner(document_of(study)["prune"])
    return study


def document_of(study: optuna.Study) -> dict[str, Any]:
    """Return the `StudySpec.document` of a study."""
    document: dict[str, Any] = study.user_attrs[_SPEC]
    return document


def options_of(study: optuna.Study, trial: FrozenTrial) -> Options:
    """Return the options of `train` for a trial."""
    values = {**document_of(study)["fixed"], **trial.params}
    if not values.get("lora"):  # a trial without adapters in a study that varies them
        values = {name: value for name, value in values.items() if name not in ("lora_alpha", "lora_targets")}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    corpus = Path(values.pop("corpus"))
    return Options(**values, corpus=corpus, run=folder_of(study, trial.number))


def folder_of(study: optuna.Study, number: int) -> Path:
    """Return the run folder of a trial."""
    return Path(document_of(study)["folder"]) / f"trial-{number:04d}"


def trials_of(study: optuna.Study) -> list[FrozenTrial]:
    """Return all trials in order; do not modify them."""
    return study.get_trials(deepcopy=False)


def best_of(trials: list[FrozenTrial]) -> FrozenTrial | None:
    """Return the complete trial with the lowest error rate."""
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    return min(done, key=lambda trial: (trial.value, trial.number), default=None)


def _quiet() -> None:
    """Silence Optuna's log line for each trial; our progress bar and table show them."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
