"""One process at a time works in a folder."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

import pytest

from trainer.errors import PlanError
from trainer.folder_lock import LOCK_NAME, folder_lock


def test_a_lock_whose_file_is_removed_while_it_is_acquired_is_acquired_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, removed = fcntl.flock, []

    def flock_late(file: TextIO, operation: int) -> None:
        if not removed:
            (tmp_path / LOCK_NAME).unlink()  # as a refused run does at its end
            removed.append(True)
        flock(file, operation)

    monkeypatch.setattr("fcntl.flock", flock_late)
    with folder_lock(tmp_path, "--run"), pytest.raises(PlanError, match="is using"), folder_lock(tmp_path, "--run"):
        raise AssertionError("two processes hold the lock")
