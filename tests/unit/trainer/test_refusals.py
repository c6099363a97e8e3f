from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from trainer.refusals import sentence


def test_what_the_system_refuses_has_a_remedy_and_a_fault_of_ours_its_traceback() -> None:
    def refused(number: int, name: str | None = "runs/x") -> str | None:
        return sentence(OSError(number, os.strerror(number), name), "out", goes_on=False)

    assert refused(errno.EACCES) == "runs/x: permission denied: take the right to it, or name another place"
    assert refused(errno.EROFS) == "runs/x: read-only file system: take the right to it, or name another place"
    assert refused(errno.ENOSPC, None) == "out: its disk is full: make room, and give the same command again"
    assert refused(errno.EACCES, None) is None
    assert refused(errno.EPIPE) is None
    # As safetensors has it.
    full = Exception("Error while serializing: I/O error: No space left on device (os error 28)")
    assert sentence(full, "out", goes_on=True) == "out: its disk is full: make room, and the same command goes on"
    # As shutil has it, who copied a folder.
    full = shutil.Error([("best/a", "models/a", f"[Errno {errno.ENOSPC}] No space left on device: 'best/a'")])
    assert sentence(full, "out", goes_on=False) == "out: its disk is full: make room, and give the same command again"
    unread = shutil.Error(
        [("best/a", "models/a", "[Errno 13] Permission denied: 'best/a'"), ("best/b", "models/b", "")]
    )
    assert sentence(unread, "out", goes_on=False) == "best/a: [Errno 13] Permission denied: 'best/a'"
    with pytest.raises(KeyError) as caught:
        _fault_behind_a_refusal()
    assert sentence(caught.value, "out", goes_on=True) is None, "what went before it does not excuse it"


def _fault_behind_a_refusal() -> None:
    try:
        Path("/no such file").read_text()
    except OSError:
        {}["key"]
