"""What the operating system refuses, told in a sentence: a place that cannot be written to, a disk that is full."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)


def sentence(error: Exception, place: str, goes_on: bool) -> str | None:
    """What the user can do about an error; None: it is a fault of ours, whose traceback is wanted.

    Args:
        place: what the command writes to: a disk that is full has no name of its own.
        goes_on: the same command does, from where it was.
    """
    if is_full(error):
        again = "and the same command goes on" if goes_on else "and give the same command again"
        return f"{_name(error) or place}: its disk is full: make room, {again}"
    if isinstance(error, shutil.Error):  # of all that could not be copied
        name, _, reason = error.args[0][0]
        return f"{name}: {reason}"
    if not isinstance(error, OSError) or not (name := _name(error)):
        return None
    if error.errno in _FORBIDDEN:
        return f"{name}: {_reason(error)}: take the right to it, or name another place"
    if error.errno in _NO_PLACE:
        return f"{name}: {_reason(error)}: name another place"
    return None


def is_full(error: Exception) -> bool:
    """torch tells of it in a RuntimeError of its own behind it, safetensors in the words of Rust, shutil in a list."""
    told = any(f"(os error {number})" in str(error) or f"[Errno {number}]" in str(error) for number in _FULL)
    return told or any(isinstance(each, OSError) and each.errno in _FULL for each in _behind(error))


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _name(error: Exception) -> str:
    name = getattr(error, "filename", None)
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be used").lower()
