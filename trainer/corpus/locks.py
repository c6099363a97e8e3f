"""A corpus is not replaced while a process reads it. The kernel releases both locks when their process dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from trainer.corpus.clips import CLIPS_NAME
from trainer.errors import PlanError


@contextmanager
def shared_lock(corpus: Path) -> Iterator[None]:
    """Hold a shared lock on a corpus, which keeps `exclusive_lock` out; no lock where the folder is no corpus."""
    with ExitStack() as stack:
        with suppress(OSError):  # some network file systems do not support locks: the corpus is read without one
            fcntl.flock(stack.enter_context((corpus / CLIPS_NAME).open("rb")), fcntl.LOCK_SH)
        yield


@contextmanager
def exclusive_lock(corpus: Path, option: str) -> Iterator[None]:
    """Hold an exclusive lock on a corpus while it is removed; new readers wait until it is released.

    Args:
        option: the command-line option that names the folder.

    Raises:
        PlanError: a process reads the corpus.
    """
    with ExitStack() as stack:
        try:
            with suppress(FileNotFoundError):
                file = stack.enter_context((corpus / CLIPS_NAME).open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PlanError(
                f"{corpus} is being read by train, tune, evaluate or listen: wait until that ends, or choose another "
                f"{option}"
            ) from error
        yield
