"""Reads lists of clips to leave out of training, usually because their transcripts are wrong."""

from __future__ import annotations

import json
from pathlib import Path

from trainer.errors import PlanError


def read_clip_ids(path: Path) -> frozenset[str]:
    """Return the clip ids in a file: one per line, or JSON Lines with an `id`, as written by `evaluate`.

    Raises:
        PlanError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        ids = (str(json.loads(line)["id"]) if line.startswith("{") else line for line in map(str.strip, lines))
        return frozenset(filter(None, ids))
    except (OSError, ValueError, KeyError) as error:
        raise PlanError(
            f"--leave-out {path}: expected a file with one clip id per line, or JSON Lines with an id"
        ) from error
