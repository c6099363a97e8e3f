"""A folder that one process at a time works in; the kernel lets go of it when that process dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.errors import PlanError

_NAME = ".held"


@contextmanager
def held(folder: Path, wait: bool = True) -> Iterator[None]:
    """Work in a folder alone. Processes that were forked hold it, too, until they have ended.

    Args:
        wait: for whoever has it, and be it one that was taken for dead.

    Raises:
        PlanError: another process has it, and `wait` is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _NAME).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise PlanError(f"another process works in {folder}: wait for it, or choose another --study") from error
        yield
