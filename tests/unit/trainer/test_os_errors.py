from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from trainer.os_errors import explain


def test_system_errors_are_explained_and_bugs_are_not() -> None:
    def refused(number: int, name: str | None = "runs/x") -> str | None:
        return explain(OSError(number, os.strerror(number), name), "out", resumable=False)

    assert refused(errno.EACCES) == "runs/x: permission denied: change its permissions, or choose another path"
    assert refused(errno.EROFS) == "runs/x: read-only file system: change its permissions, or choose another path"
    assert refused(errno.ENOSPC, None) == "out: the disk is full: free some space, then run the same command again"
    assert refused(errno.EACCES, None) is None
    assert refused(errno.EPIPE) is None
    # As raised by safetensors.
    full = Exception("Error while serializing: I/O error: No space left on device (os error 28)")
    assert (
        explain(full, "out", resumable=True) == "out: the disk is full: free some space, then the same command resumes"
    )
    # As raised by shutil.copytree.
    full = shutil.Error([("best/a", "models/a", f"[Errno {errno.ENOSPC}] No space left on device: 'best/a'")])
    assert (
        explain(full, "out", resumable=False)
        == "out: the disk is full: free some space, then run the same command again"
    )
    unread = shutil.Error(
        [("best/a", "models/a", "[Errno 13] Permission denied: 'best/a'"), ("best/b", "models/b", "")]
    )
    assert explain(unread, "out", resumable=False) == "best/a: [Errno 13] Permission denied: 'best/a'"
    with pytest.raises(KeyError) as caught:
        _fault_behind_a_refusal()
    assert explain(caught.value, "out", resumable=True) is None, "what went before it does not excuse it"


def _fault_behind_a_refusal() -> None:
    try:
        Path("/no such file").read_text()
    except OSError:
        {}["key"]
