"""What a name on the command line means: a run's or a search's folder, and a checkpoint's folder or name on the hub."""

from __future__ import annotations

from pathlib import Path

from trainer.errors import PlanError
from trainer.run_folder import MODELS, PLAN_NAME

#: Where runs and searches are kept that have a name and no path.
RUNS = Path("runs")


def run_path(name: str) -> Path:
    """Of a run or a search: the path that it is, or runs/NAME; a run of that name right here is meant, too."""
    path = Path(name).expanduser()
    if "/" in name or (not (RUNS / name).exists() and (path / PLAN_NAME).exists()):
        return path
    return RUNS / name


def checkpoint(name: str) -> str:
    """A checkpoint to load: a folder, a name on the hub, or of a run its best model (its last, if it has no best).

    What cannot be a name on the hub is a folder, be it there or not: nobody waits for an answer from the hub then.

    Raises:
        PlanError: it is a folder, and not there.
    """
    folder = Path(name).expanduser()
    run = folder if folder.exists() else run_path(name)
    if (run / PLAN_NAME).exists():
        found = [run / which for which in MODELS if (run / which).is_dir()]
        return str(found[0] if found else run)
    if not folder.is_dir() and (_local(name) or folder.exists()):
        raise PlanError(f"there is no folder {folder}: a model is a checkpoint's folder, a run, or a name on the hub")
    return str(folder) if folder.is_dir() else name


def _local(name: str) -> bool:
    """A name on the hub has one slash, and its first word is no folder here."""
    owner, *rest = name.split("/")
    return name.startswith((".", "/", "~")) or len(rest) > 1 or (bool(rest) and Path(owner).is_dir())
