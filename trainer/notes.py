"""What a run says: on stderr, and with times in its folder, where it is when the terminal is long closed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Notes at INFO and above are for both, those below for the file alone.
LOG = logging.getLogger("trainer")
#: Of others: transformers shows its own, and Python its warnings where nobody takes them.
_TRANSFORMERS, _WARNINGS = logging.getLogger("transformers"), logging.getLogger("py.warnings")


@contextmanager
def noting(path: Path | None = None, shown: bool = True) -> Iterator[None]:
    """In the block, notes and warnings go to stderr, if they are to be shown, and behind what is in a file, if any."""
    terminal = logging.StreamHandler() if shown else logging.NullHandler()
    terminal.setLevel(logging.INFO)
    added: list[tuple[logging.Logger, logging.Handler]] = [(LOG, terminal), (_WARNINGS, terminal)]
    if path:
        kept = logging.FileHandler(path, encoding="utf-8")
        kept.setFormatter(logging.Formatter("{asctime} {message}", "%Y-%m-%d %H:%M:%S", style="{"))
        added += [(logger, kept) for logger in (LOG, _WARNINGS, _TRANSFORMERS)]
    before = LOG.level
    LOG.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    for logger, handler in added:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, handler in added:
            logger.removeHandler(handler)
            handler.close()
        logging.captureWarnings(False)
        LOG.setLevel(before)
