"""Lists of clips that are not to be trained on: their texts are not what is said, mostly."""

from __future__ import annotations

import json
from pathlib import Path

from trainer.errors import PlanError


def named(path: Path) -> frozenset[str]:
    """Ids of the clips in a list: one a line, or lines of JSON with an `id`, as `evaluate` writes them.

    Raises:
        PlanError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        found = (str(json.loads(line)["id"]) if line.startswith("{") else line for line in map(str.strip, lines))
        return frozenset(filter(None, found))
    except (OSError, ValueError, KeyError) as error:
        raise PlanError(
            f"--leave-out {path}: it is a file with the id of a clip a line, or JSON Lines with an id each"
        ) from error
