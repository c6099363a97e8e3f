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
    """Hold the exclusive lock on a folder. Forked processes inherit the lock and hold it until they exit.

    Args:
        option: the command-line option that names the folder.
        wait: wait for the process that holds the lock, even if it is believed dead.

    Raises:
        PlanError: another process holds the lock, and `wait` is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            if holder := _holder(file):
                raise PlanError(f"{holder} is using {folder}: wait for it, or choose another {option}") from error
            fcntl.flock(file, fcntl.LOCK_EX)  # its holder was killed, and the processes it forked are about to exit
        file.truncate(0)
        file.write(f"{os.getpid()} {socket.gethostname()}")
        file.flush()
        yield


def _holder(file: TextIO) -> str:
    """Name the process that holds the lock; empty if it has died."""
    file.seek(0)
    number, _, host = file.read().partition(" ")
    if not number.isdigit():
        return "another process"
    if host == socket.gethostname() and not Path("/proc", number).exists():
        return ""
    return f"process {number} on {host}"
