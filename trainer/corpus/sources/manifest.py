"""A manifest: a CSV, TSV or JSON Lines file with the path and text of each clip, and any other column that we know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from trainer.corpus.sources.candidate import Candidate, FileAudio, Source
from trainer.corpus.sources.columns import NAMES, candidate, named, split_named
from trainer.corpus.sources.tables import rows
from trainer.errors import SourceError


def read(path: Path, source: Source) -> Iterator[Candidate]:
    """The clips of a manifest; relative paths are relative to its folder, and a file named train.csv is a split.

    Raises:
        SourceError: it has no column of paths, or none of texts.
    """
    split = split_named(path.stem)
    for position, row in enumerate(rows(path)):
        if position == 0:
            _check(path, row, source)
        where = named(row, "path")
        audio = FileAudio(path.parent / where if where else path.parent / f"(row {position + 1} names no file)")
        clip = candidate(row, "", audio, source, split)
        end = "" if clip.end_s is None else f"{clip.end_s:.3f}"
        part = f"#{clip.start_s:.3f}-{end}" if clip.start_s or end else ""
        given = str(row.get("id") or f"{where or position + 1}{part}")
        yield replace(clip, id=f"{source.name}/{given}")


def _check(path: Path, row: dict[str, object], source: Source) -> None:
    for name in ("path", "text") if source.speech else ("path",):
        known = (source.text,) if name == "text" and source.text else NAMES[name]
        if not set(known) & row.keys():
            raise SourceError(f"{path} has no column {' or '.join(known)}, but {', '.join(map(str, row))}")
