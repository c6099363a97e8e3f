"""Plans of corpora to prepare."""

from __future__ import annotations

from pathlib import Path

from trainer.corpus.prepare import Plan
from trainer.corpus.sources.candidate import Source


def plan_of(out: Path, *paths: Path, **about: object) -> Plan:
    """Of these sources, by one process, which tells nothing of it."""
    given = {"processes": 1, "progress": False, **about}
    return Plan(tuple(Source(str(path)) for path in paths), out, **given)  # type: ignore[arg-type]
