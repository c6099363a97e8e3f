"""Plans for `prepare`, and the candidates of sources."""

from __future__ import annotations

from pathlib import Path

from trainer.corpus.prepare import Plan
from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.read import read, with_names


def plan_of(out: Path, *paths: Path, **about: object) -> Plan:
    """Return a plan for these sources, with one process and no progress bar."""
    given = {"processes": 1, "progress": False, **about}
    return Plan(tuple(Source(str(path)) for path in paths), out, **given)  # type: ignore[arg-type]


def offered(path: Path | str, **about: object) -> list[Candidate]:
    (source,) = with_names((Source(str(path), **about),))  # type: ignore[arg-type]
    return list(read(source, max_s=30))
