"""The log of a run: on stderr, and with timestamps in a file of its folder, which outlives the terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Records at INFO and above go to both, those below to the file only.
LOG = logging.getLogger("trainer")
#: Foreign loggers: transformers prints its own records; warnings are printed by Python unless captured.
_TRANSFORMERS, _WARNINGS = logging.getLogger("transformers"), logging.getLogger("py.warnings")


@contextmanager
def logging_to(path: Path | None = None, shown: bool = True) -> Iterator[None]:
    """Within the block, send the log and warnings to stderr (if `shown`), and append them to a file (if given)."""
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
