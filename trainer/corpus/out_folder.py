"""The output folder of `prepare`: decides whether to resume, replace or refuse what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from trainer.atomic import write_atomically
from trainer.corpus.clips import AUDIO_NAME, CLIPS_NAME, CORPUS_NAME
from trainer.corpus.digests import DIGESTS_NAME
from trainer.corpus.drops import DROPPED_NAME
from trainer.corpus.locks import exclusive_lock
from trainer.corpus.recordings import RECORDINGS_NAME
from trainer.errors import PlanError
from trainer.folder_lock import folder_lock

#: The plan of the corpus; a run with another plan is refused.
PLAN_NAME = "prepare.json"


def check_folder(folder: Path, plan: Mapping[str, Any], again: bool) -> None:
    """Check that a plan can be resumed in a folder, or, with `again`, started anew.

    Raises:
        PlanError: the folder has a corpus of another plan, or one that `prepare` did not make, or, with `again`, one
            that a process is reading.
    """
    path = folder / PLAN_NAME
    if path.exists():
        if again:
            with exclusive_lock(folder, "--out"):  # fail now, not after reading sources for an hour
                pass
        if not again and _read(path) != plan:
            raise PlanError(f"{folder} has a corpus prepared with other settings (see {path}): --again replaces it")
    elif (folder / CLIPS_NAME).exists():
        raise PlanError(f"{folder} has a corpus that `prepare` did not make: choose another folder")


@contextmanager
def prepared_folder(folder: Path, plan: Mapping[str, Any], again: bool) -> Iterator[None]:
    """Lock the folder and write the plan into it; with `again`, first remove an earlier corpus.

    Called after all sources have been read, so that an invalid command line neither creates nor removes anything.

    Raises:
        PlanError: another process prepares a corpus there, or reads the one to be replaced.
    """
    with folder_lock(folder, "--out"):
        if again and (folder / PLAN_NAME).exists():
            with exclusive_lock(folder, "--out"):
                _remove(folder)
        write_atomically(folder / PLAN_NAME, json.dumps(plan, indent=1, ensure_ascii=False) + "\n")
        yield


def _read(path: Path) -> Any:
    """Read a plan; None if it is damaged."""
    with suppress(ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return None


def _remove(folder: Path) -> None:
    """Remove only files written by `prepare`: there may be recordings in the folder."""
    for name in (CORPUS_NAME, CLIPS_NAME, DIGESTS_NAME, DROPPED_NAME, RECORDINGS_NAME, PLAN_NAME):
        (folder / name).unlink(missing_ok=True)
    for path in (folder / AUDIO_NAME).glob("[0-9][0-9][0-9][0-9]*.pcm"):
        path.unlink()
    with suppress(OSError):  # it has other files in it, or does not exist
        (folder / AUDIO_NAME).rmdir()
