"""Which edition of a model a folder holds: told by a glance at its files, and for good by what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: What a recogniser is made of; a model's card and its pictures are not.
_SUFFIXES = frozenset({".json", ".safetensors", ".bin", ".txt", ".model"})

#: Name, inode, bytes, and time of the last change of each file of a model.
Glance = tuple[tuple[str, int, int, int], ...]


def glance(name: str) -> Glance | None:
    """What tells, without reading it, whether a folder (or what a link leads to) is still the same; None for none.

    The time is that of the inode: copying keeps a file's own.
    """
    found = []
    try:
        for path in files(Path(name).expanduser().resolve()):
            about = path.stat()
            found.append((path.name, about.st_ino, about.st_size, about.st_ctime_ns))
    except OSError:  # it is being replaced just now
        return None
    return tuple(found) or None


def fingerprint(folder: Path) -> str:
    """Of all that is in a model's files: 12 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=6)
    for path in files(folder):
        with path.open("rb") as file:
            digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()


def files(folder: Path) -> list[Path]:
    """All that a recogniser in `folder` is made of, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
