"""What a name on the command line means: a run's or a search's folder, a checkpoint, an option that is misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from trainer.errors import PlanError
from trainer.run_folder import MODELS, PLAN_NAME, no_run

#: Where runs and searches are kept that have a name and no path.
RUNS = Path("runs")
#: What a name begins with that is no checkpoint but a size, to begin from nothing.
NEW = "new:"
#: Options by what others call them.
_ALSO_CALLED = {"lr": "learning-rate", "batch-size": "batch", "warmup": "warm-up", "wd": "weight-decay"}


def run_path(name: str) -> Path:
    """Of a run or a search: the path that it is, or runs/NAME; a run of that name right here is meant, too."""
    path = Path(name).expanduser()
    if "/" in name or (not (RUNS / name).exists() and (path / PLAN_NAME).exists()):
        return path
    return RUNS / name


def absent(folders: Iterable[str | Path]) -> str | None:
    """The first of these folders that is not here; None: all are."""
    return next((str(folder) for folder in folders if not Path(folder).is_dir()), None)


def checkpoint(name: str) -> str:
    """A checkpoint to load: a folder, a name on the hub, or of a run its best model (its last, if it has no best).

    What cannot be a name on the hub is a folder, be it there or not: nobody waits for an answer from the hub then.

    Raises:
        PlanError: it is a folder that is not there, or a run or a search that has no model.
    """
    run, folder = run_path(name), Path(name).expanduser()
    if (run / PLAN_NAME).exists():
        models = [run / which for which in MODELS if (run / which).is_dir()]
        if not models:
            raise PlanError(f"{run} has no model yet: it comes with the first measure, or at the end of training")
        return str(models[0])
    if folder.is_dir():
        return str(folder)
    if run.is_dir():
        raise PlanError(no_run(run))
    owner, *rest = name.split("/")
    if not rest:
        raise PlanError(
            f"there is no folder {name} and no {run}: a model is a checkpoint's folder, a run, or a name on the hub, "
            "which has an owner, as openai/whisper-small"
        )
    missing = f"there is no folder {folder}: a model is a checkpoint's folder, a run, or a name on the hub"
    if name.startswith((".", "/", "~")) or len(rest) > 1:
        raise PlanError(missing)
    if Path(owner).is_dir():
        raise PlanError(f"{missing} ({owner}/ is a folder here, so it is looked for in that, and not on the hub)")
    return name


def meant(option: str, options: Iterable[str]) -> str:
    """Which of the options (without the dashes before them) was meant by one that is none; empty: it is like none."""
    known = list(options)
    if (other := _ALSO_CALLED.get(option)) in known:
        return str(other)
    return next(iter(difflib.get_close_matches(option, known, 1)), "")
