"""Replacement of folders and files as a whole: a reader never sees half of a version.

A file is replaced atomically; a folder does not exist for an instant between two renames.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write into; it replaces `folder` (or its link target) if the block succeeds."""
    folder = folder.resolve()
    unfinished, old = (folder.with_name(f".{folder.name}.{state}") for state in ("unfinished", "old"))
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        error.filename = str(folder)  # the only name that the user knows
        raise
    try:
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)  # it would take up space on a full disk
        raise
    for path in unfinished.rglob("*"):
        # safetensors writes files that only their owner may read, and containers run as another user.
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)  # processes that have files of it open keep reading them
    unfinished.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's text; the old file stays if writing fails, as on a full disk."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
