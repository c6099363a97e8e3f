"""A lock on a folder in which one process at a time may work. The kernel releases it when the process dies."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trainer.errors import PlanError

_NAME = ".held"


@contextmanager
def held(folder: Path, option: str, wait: bool = False) -> Iterator[None]:
    """Work in a folder alone. Processes that were forked hold it, too, until they have ended.

    Args:
        option: that names the folder.
        wait: for whoever has it, and be it one that was taken for dead.

    Raises:
        PlanError: another process has it, and `wait` is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            if told := _at_work(file):
                raise PlanError(f"{told} works in {folder}: wait for it, or choose another {option}") from error
            fcntl.flock(file, fcntl.LOCK_EX)  # it was killed, and what it had forked is about to notice
        file.truncate(0)
        file.write(f"{os.getpid()} {socket.gethostname()}")
        file.flush()
        yield


def _at_work(file: TextIO) -> str:
    """Who has the file; nobody, if that process has died."""
    file.seek(0)
    number, _, host = file.read().partition(" ")
    if not number.isdigit():
        return "another process"
    if host == socket.gethostname() and not Path("/proc", number).exists():
        return ""
    return f"process {number} on {host}"
