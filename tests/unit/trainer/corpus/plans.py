"""Plans of corpora to prepare, and what their sources offer."""

from __future__ import annotations

from pathlib import Path

from trainer.corpus.prepare import Plan
from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.read import read, with_names


def plan_of(out: Path, *paths: Path, **about: object) -> Plan:
    """Of these sources, by one process, which tells nothing of it."""
    given = {"processes": 1, "progress": False, **about}
    return Plan(tuple(Source(str(path)) for path in paths), out, **given)  # type: ignore[arg-type]


def offered(path: Path | str, **about: object) -> list[Candidate]:
    (source,) = with_names((Source(str(path), **about),))  # type: ignore[arg-type]
    return list(read(source, max_s=30))
