"""Reads rows of TSV, CSV, JSON and JSON Lines files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.errors import SourceError

#: Key of a row that says what is wrong with it; not a possible column name.
DAMAGED = "\0damaged"


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, by its suffix: .tsv, .csv, .jsonl, or .json with JSON Lines or one list.

    A row with more fields than the header is marked with DAMAGED, as the fields cannot be assigned to columns.

    Raises:
        SourceError: the file cannot be read, or has another suffix.
    """
    readers = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl, ".json": _json}
    if path.suffix.lower() not in readers:
        raise SourceError(f"{path} is not a table: its name ends in none of {', '.join(readers)}")
    try:
        yield from readers[path.suffix.lower()](path)
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} cannot be read: it is not in UTF-8 ({error}). Save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def count_rows(path: Path) -> int:
    """Return the number of a table's lines below its header, which is about that of its rows, without parsing them."""
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(1 << 20), b"")
        return max(0, sum(block.count(b"\n") for block in blocks) - 1)


def _tsv(path: Path) -> Iterator[dict[str, Any]]:
    # Common Voice does not quote sentences, which may contain quotation marks: as CSV quotes, they would swallow lines.
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval=""):
            yield {key: _unquoted(value) for key, value in _marked(row).items()}


def _marked(row: dict[Any, Any]) -> dict[str, Any]:
    """Mark a row with too many fields, which csv stores under the key None."""
    more = row.pop(None, ())
    return {**row, DAMAGED: f"{len(row) + len(more)} fields, not {len(row)}"} if more else row


def _unquoted(value: str) -> str:
    """Undo the quoting in some of its releases: a doubled quotation mark in a quoted text is a single one."""
    inner = value[1:-1]
    if len(value) > 2 and value[0] == value[-1] == '"' and '""' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return value


class _Literal(csv.excel):
    """Bar-separated columns, where quotation marks are part of the text."""

    quoting = csv.QUOTE_NONE


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        # Spreadsheets write semicolons where numbers have decimal commas; some .csv files have tabs.
        delimiter = max(",;\t|", key=head.count)
        dialect = _Literal if delimiter == "|" else csv.excel
        yield from map(_marked, csv.DictReader(file, dialect=dialect, delimiter=delimiter, restval=""))


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
        raise SourceError(f"{path} is not a list of objects")
    yield from whole


def _row(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SourceError(f"{place} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise SourceError(f"{place} is not a JSON object")
    return row
