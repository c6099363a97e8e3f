"""What is replaced whole, a folder or a file: a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """An empty folder to write into, which takes the place of `folder` (or of what that links to) if all goes well."""
    folder = folder.resolve()
    unfinished, old = (folder.with_name(f".{folder.name}.{state}") for state in ("unfinished", "old"))
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        error.filename = str(folder)  # the user knows no other name
        raise
    try:
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)  # on a disk that is full, it would be in the way
        raise
    for path in unfinished.rglob("*"):
        # safetensors writes for its owner alone, and a container's user is another.
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)  # whoever is reading it reads on
    unfinished.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def write_whole(path: Path, text: str) -> None:
    """Put a text into a file, whose old one stays if the new one cannot be written, as on a disk that is full."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
