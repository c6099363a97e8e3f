"""Identify the edition of a model in a folder: quickly by its files' metadata, or exactly by their contents."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: Suffixes of the files that make up a model, unlike its card and pictures.
_SUFFIXES = frozenset({".json", ".safetensors", ".bin", ".txt", ".model"})

#: Name, inode, size in bytes and change time of each file of a model.
Snapshot = tuple[tuple[str, int, int, int], ...]


def snapshot(name: str) -> Snapshot | None:
    """Metadata of a model's files, to detect changes without reading them; None if there is no folder.

    Links are followed. The time is the inode's (ctime), because copying can preserve the modification time.
    """
    entries = []
    try:
        for path in files(Path(name).expanduser().resolve()):
            about = path.stat()
            entries.append((path.name, about.st_ino, about.st_size, about.st_ctime_ns))
    except OSError:  # it is just being replaced
        return None
    return tuple(entries) or None


def fingerprint(folder: Path) -> str:
    """Hash of the contents of a model's files: 12 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=6)
    for path in files(folder):
        with path.open("rb") as file:
            digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()


def files(folder: Path) -> list[Path]:
    """The files of the model in `folder`, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
