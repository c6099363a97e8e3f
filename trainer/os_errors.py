"""Messages for errors of the operating system: paths that cannot be written, full disks."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_BAD_PATH = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)


def explain(error: Exception, output_path: str, resumable: bool) -> str | None:
    """Say what the user can do about an error; None if it is a bug, which needs its traceback.

    Args:
        output_path: where the command writes: the error of a full disk may not name a file.
        resumable: whether the same command resumes where it stopped.
    """
    if is_full(error):
        then = "then the same command resumes" if resumable else "then run the same command again"
        return f"{_name(error) or output_path}: the disk is full: free some space, {then}"
    if isinstance(error, shutil.Error):  # a list of all files that could not be copied
        name, _, reason = error.args[0][0]
        return f"{name}: {reason}"
    if not isinstance(error, OSError) or not (name := _name(error)):
        return None
    if error.errno in _FORBIDDEN:
        return f"{name}: {_reason(error)}: change its permissions, or choose another path"
    if error.errno in _BAD_PATH:
        return f"{name}: {_reason(error)}: choose another path"
    return None


def is_full(error: Exception) -> bool:
    """Whether an error means that a disk is full.

    torch raises a RuntimeError caused by the OSError, safetensors has only Rust's message, shutil a list of messages.
    """
    in_message = any(f"(os error {number})" in str(error) or f"[Errno {number}]" in str(error) for number in _FULL)
    return in_message or any(isinstance(each, OSError) and each.errno in _FULL for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _name(error: Exception) -> str:
    name = getattr(error, "filename", None)
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be used").lower()
