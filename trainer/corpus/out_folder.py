"""The folder that `prepare` writes to: whether what is there goes on, is replaced, or is somebody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from trainer.corpus.clips import AUDIO_NAME, CLIPS_NAME, CORPUS_NAME
from trainer.corpus.drops import DROPPED_NAME
from trainer.corpus.locks import replacing
from trainer.corpus.recordings import RECORDINGS_NAME
from trainer.errors import PlanError
from trainer.held import held
from trainer.replacing import write_whole

#: What a corpus that is being prepared is made by; another plan does not go on with it.
PLAN_NAME = "prepare.json"


def check_folder(folder: Path, plan: Mapping[str, Any], again: bool) -> None:
    """Refuse a folder in which a plan cannot go on, or, `again`, begin anew.

    Raises:
        PlanError: it has a corpus of another plan, or one that `prepare` did not make, or that is not to be replaced
            now, as somebody reads it.
    """
    path = folder / PLAN_NAME
    if path.exists():
        if again:
            with replacing(folder, "--out"):  # tried before sources are read for an hour
                pass
        if not again and _read(path) != plan:
            raise PlanError(f"{folder} has a corpus that was prepared otherwise ({path} says how): --again replaces it")
    elif (folder / CLIPS_NAME).exists():
        raise PlanError(f"{folder} has a corpus that `prepare` did not make: choose another folder")


@contextmanager
def begun(folder: Path, plan: Mapping[str, Any], again: bool) -> Iterator[None]:
    """Have the folder for oneself, with the plan in it; `again`: without what an earlier one wrote.

    Only once all sources have been read: a wrong word on the command line leaves nothing behind, and removes nothing.

    Raises:
        PlanError: another process prepares a corpus there, or reads the one that is to be replaced.
    """
    with held(folder, "--out"):
        if again and (folder / PLAN_NAME).exists():
            with replacing(folder, "--out"):
                _remove(folder)
        said = json.dumps(plan, indent=1, ensure_ascii=False)
        write_whole(folder / PLAN_NAME, said + "\n")
        yield


def _read(path: Path) -> Any:
    """A plan; None where it is damaged, which is like no other."""
    with suppress(ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return None


def _remove(folder: Path) -> None:
    """What `prepare` wrote, and nothing else: recordings may lie beside it."""
    for name in (CORPUS_NAME, CLIPS_NAME, DROPPED_NAME, RECORDINGS_NAME, PLAN_NAME):
        (folder / name).unlink(missing_ok=True)
    for path in (folder / AUDIO_NAME).glob("[0-9][0-9][0-9][0-9]*.pcm"):
        path.unlink()
    with suppress(OSError):  # there is more in it, or there is none
        (folder / AUDIO_NAME).rmdir()
