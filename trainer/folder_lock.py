"""A lock on a folder in which one process at a time may work. The kernel releases it when the process dies."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from trainer.errors import PlanError

LOCK_NAME = ".held"


@contextmanager
def folder_lock(folder: Path, option: str, wait: bool = False) -> Iterator[None]:
    """Hold the exclusive lock on a folder. Forked processes inherit the lock and hold it until they exit.

    Args:
        option: the command-line option that names the folder.
        wait: wait for the process that holds the lock, even if it is believed dead.

    Raises:
        PlanError: another process holds the lock, and `wait` is false.
    """
    with _locked(folder, option, wait) as file:
        file.truncate(0)
        file.write(f"{os.getpid()} {socket.gethostname()}")
        file.flush()
        yield


def _locked(folder: Path, option: str, wait: bool) -> TextIO:
    """Open and lock the file of the lock."""
    path = folder / LOCK_NAME
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
        try:
            _lock(file, folder, option, wait)
            # A refused run removes the file before it releases the lock; others would lock the file that replaces it.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: TextIO, folder: Path, option: str, wait: bool) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        if holder := _holder(file):
            raise PlanError(f"{holder} is using {folder}: wait for it, or choose another {option}") from error
        fcntl.flock(file, fcntl.LOCK_EX)  # its holder was killed, and the processes it forked are about to exit


def _holder(file: TextIO) -> str:
    """Name the process that holds the lock; empty if it has died."""
    file.seek(0)
    number, _, host = file.read().partition(" ")
    if not number.isdigit():
        return "another process"
    if host == socket.gethostname() and not Path("/proc", number).exists():
        return ""
    return f"process {number} on {host}"
