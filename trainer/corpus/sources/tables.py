"""Rows of TSV, CSV and JSON Lines files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.errors import SourceError

#: A key that no header has: what is wrong with a row.
DAMAGED = "\0damaged"


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table, by its suffix: .tsv, .csv, .jsonl, or .json with JSON Lines or one list.

    A row with more fields than the header has its DAMAGED: which of them is which cannot be told.

    Raises:
        SourceError: it cannot be read, or its suffix is none of these.
    """
    readers = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl, ".json": _json}
    if path.suffix.lower() not in readers:
        raise SourceError(f"{path} is no table: its name ends in none of {', '.join(readers)}")
    try:
        yield from readers[path.suffix.lower()](path)
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} cannot be read: it is not in UTF-8 ({error}). Save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _tsv(path: Path) -> Iterator[dict[str, Any]]:
    # Common Voice writes sentences with quotation marks as they are. csv's own reading would swallow whole lines.
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval=""):
            yield {key: _unquoted(value) for key, value in _told(row).items()}


def _told(row: dict[Any, Any]) -> dict[str, Any]:
    """A row of csv's, which keeps what has no column under None."""
    more = row.pop(None, ())
    return {**row, DAMAGED: f"{len(row) + len(more)} fields, not {len(row)}"} if more else row


def _unquoted(value: str) -> str:
    """Some of its releases do quote them: what is doubled within a pair of marks was one mark."""
    inner = value[1:-1]
    if len(value) > 2 and value[0] == value[-1] == '"' and '""' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return value


class _Bare(csv.excel):
    """As those write it who have bars between columns, and quotation marks in texts."""

    quoting = csv.QUOTE_NONE


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        # Where numbers have commas, spreadsheets write semicolons; and some call what has tabs .csv.
        delimiter = max(",;\t|", key=head.count)
        dialect = _Bare if delimiter == "|" else csv.excel
        yield from map(_told, csv.DictReader(file, dialect=dialect, delimiter=delimiter, restval=""))


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _row(line, f"line {number} of {path}")


def _json(path: Path) -> Iterator[dict[str, Any]]:
    try:
        whole = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        yield from _jsonl(path)
        return
    if isinstance(whole, dict):
        whole = [whole]
    if not isinstance(whole, list) or not all(isinstance(row, dict) for row in whole):
        raise SourceError(f"{path} is no list of objects")
    yield from whole


def _row(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SourceError(f"{place} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise SourceError(f"{place} is no object")
    return row
