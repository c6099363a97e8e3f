"""Resolves names on the command line: folders of runs and studies, checkpoints, misspelt options."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from trainer.errors import PlanError
from trainer.run_folder import MODELS, PLAN_NAME, no_run

#: The folder of runs and studies that are given by name rather than by path.
RUNS = Path("runs")
#: Prefix of a model size to train from scratch, in place of a checkpoint.
NEW = "new:"
#: Our names of options by their names in other tools.
_ALSO_CALLED = {"lr": "learning-rate", "batch-size": "batch", "warmup": "warm-up", "wd": "weight-decay"}


def run_path(name: str) -> Path:
    """Return the folder of a run or a study: a path as given, else runs/NAME, or ./NAME if only that is a run."""
    path = Path(name).expanduser()
    if "/" in name or (not (RUNS / name).exists() and (path / PLAN_NAME).exists()):
        return path
    return RUNS / name


def first_missing(folders: Iterable[str | Path]) -> str | None:
    """Return the first of these folders that does not exist; None if all do."""
    return next((str(folder) for folder in folders if not Path(folder).is_dir()), None)


def checkpoint(name: str) -> str:
    """Resolve a model to a checkpoint: a folder, a hub id, or a run's best model (its last, if it has no best).

    A name that cannot be a hub id is taken for a folder, and is refused without asking the hub.

    Raises:
        PlanError: the folder does not exist, or the run or study has no model.
    """
    run, folder = run_path(name), Path(name).expanduser()
    if (run / PLAN_NAME).exists():
        models = [run / which for which in MODELS if (run / which).is_dir()]
        if not models:
            raise PlanError(
                f"{run} has no model yet: the first one is saved after the first evaluation on dev, or at the end"
            )
        return str(models[0])
    if folder.is_dir():
        return str(folder)
    if run.is_dir():
        raise PlanError(no_run(run))
    owner, *rest = name.split("/")
    if not rest:
        raise PlanError(
            f"there is no folder {name} and no {run}: a model is a checkpoint's folder, a run, or a hub id with an "
            "owner, such as openai/whisper-small"
        )
    missing = f"there is no folder {folder}: a model is a checkpoint's folder, a run, or a hub id"
    if name.startswith((".", "/", "~")) or len(rest) > 1:
        raise PlanError(missing)
    if Path(owner).is_dir():
        raise PlanError(f"{missing} ({owner}/ is a local folder, so the hub is not searched)")
    return name


def closest_option(option: str, options: Iterable[str]) -> str:
    """Return the option (all without leading dashes) closest to a misspelt one; empty if none is similar."""
    known = list(options)
    if (other := _ALSO_CALLED.get(option)) in known:
        return str(other)
    return next(iter(difflib.get_close_matches(option, known, 1)), "")
