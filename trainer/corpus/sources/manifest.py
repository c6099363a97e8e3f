"""Reads a manifest: a CSV, TSV or JSON Lines file with the path and text of each clip, and other known columns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from trainer.corpus.clips import Split
from trainer.corpus.sources.candidate import Candidate, FileAudio, Source
from trainer.corpus.sources.columns import NAMES, candidate, column, split_named
from trainer.corpus.sources.tables import DAMAGED, rows
from trainer.errors import SourceError

#: Names of time columns, by our names; without a unit they are in seconds, as in NeMo and lhotse.
_TIME = re.compile(
    r"(?:(?P<start_s>start|begin|offset)|(?P<end_s>end|stop)|(?P<duration_s>duration))"
    r"(?:_?time)?(?:_?(?P<unit>s|secs?|seconds|ms|milliseconds))?"
)
#: Words in the names of other columns that seem to be times, but in an unknown unit.
_PARTS = frozenset({"start", "begin", "offset", "onset", "end", "stop"})


def read(path: Path, source: Source) -> Iterator[Candidate]:
    """Yield the clips of a manifest; a file named train.csv is a split.

    Raises:
        SourceError: it has no column of paths or of texts, or has an ambiguous column of times.
    """
    yield from clips(path, rows(path), source, split_named(path.stem))


def has_columns(row: Iterable[str], source: Source) -> bool:
    """Whether a table has the columns that a manifest needs."""
    names = {_normalized(name) for name in row}
    texts = {_normalized(source.text)} if source.text else set(NAMES["text"])
    return bool(names & set(NAMES["path"]) and names & texts)


def path_of(row: dict[str, Any]) -> str:
    """Return the path of a row's recording; empty if missing."""
    return column({_normalized(name): value for name, value in row.items()}, "path")


def clips(
    path: Path, table: Iterable[dict[str, Any]], source: Source, split: Split | None, folder: Path | None = None
) -> Iterator[Candidate]:
    """Yield the clips of a table; `split` is for rows without one, and paths are relative to `folder`, if known."""
    source, base = replace(source, text=_normalized(source.text)), folder or path.parent
    for position, given in enumerate(table):
        row = _timed(path, {_normalized(name): value for name, value in given.items()})
        if position == 0:
            _check(path, row, source)
            base = folder or _base(path, column(row, "path"))
        where = column(row, "path")
        if "\\" in where and not (base / where).exists():  # written on Windows
            where = where.replace("\\", "/")
        audio = FileAudio(base / where if where else path.parent / f"(row {position + 1} names no file)")
        clip = candidate(row, "", audio, source, split)
        end = "" if clip.end_s is None else f"{clip.end_s:.3f}"
        part = f"#{clip.start_s:.3f}-{end}" if clip.start_s or end else ""
        id = str(row.get("id") or f"{where or position + 1}{part}")
        yield replace(clip, id=f"{source.name}/{os.fsencode(id).decode('utf-8', 'backslashreplace')}")


def _base(path: Path, first: str) -> Path:
    """Return the base of relative paths: the manifest's folder, or the current one if the first path exists only there.

    NeMo uses either.
    """
    return Path() if first and not (path.parent / first).exists() and Path(first).exists() else path.parent


def _normalized(name: str) -> str:
    """Normalize a column name: `File name ` is file_name."""
    return name.strip().lower().replace(" ", "_")


def _check(path: Path, row: dict[str, object], source: Source) -> None:
    for name in ("path", "text") if source.speech else ("path",):
        known = (source.text,) if name == "text" and source.text else NAMES[name]
        if not set(known) & row.keys():
            raise SourceError(
                f"{path} has no column {' or '.join(known)}, but {', '.join(map(str, row))}. If its first line is no "
                f"header, it is read with its folder: give {path.parent}"
            )


def _timed(path: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its times under our names, in seconds. An invalid time marks the row as damaged: without it,
    the clip would be the whole file.

    Raises:
        SourceError: a column of times is ambiguous.
    """
    timed = dict(row)
    for name, value in row.items():
        if not (time := _time(path, name)) or value in ("", None) or value != value:  # NaN is a missing value in pandas
            continue
        ours, seconds = time
        try:
            time_s = seconds * float(str(value).replace(",", "."))  # spreadsheets write 1,5
        except ValueError:
            timed[DAMAGED] = f"{name} is not a number: {str(value)[:40]!r}"
            continue
        if name == ours or ours not in row:
            timed[ours] = time_s
    return timed


@lru_cache(maxsize=1024)
def _time(path: Path, name: str) -> tuple[str, float] | None:
    """Return our name of a time column, and its unit in seconds; None for other columns."""
    if match := _TIME.fullmatch(name):
        ours = next(key for key, word in match.groupdict().items() if word and key != "unit")
        return ours, 0.001 if (match["unit"] or "").startswith("m") else 1.0
    if _PARTS & set(name.split("_")):
        raise SourceError(
            f"{path} has a column {name}, whose meaning is ambiguous: rename it to start_s or end_s if it is the "
            "start or end of the clip within the file, in seconds; otherwise remove it or give it another name"
        )
    return None
