"""Lists in a folder of recordings that say what is said in each, and where there is none beside it.

Tables with columns for path and text, as Hugging Face's `audiofolder` has them (metadata.csv), are manifests. Without
columns, a line has the name of a recording and its text: LJSpeech (`LJ001-0001|text|text`), LibriSpeech and MLS
(`84-121123-0000 TEXT`). Kaldi has the two in two files.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from trainer.corpus.clips import Split
from trainer.corpus.sources import manifest
from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.columns import NAMES, split_named
from trainer.corpus.sources.tables import DAMAGED, rows
from trainer.errors import SourceError

Rows = Iterable[dict[str, Any]]

_TABLES = frozenset({".csv", ".tsv", ".jsonl", ".json"})
#: Rows of a table, one of which must name a recording.
_FIRST = 100
#: In the name of a list without columns: beside it may lie others, of recordings and their times or speakers.
_OF_TEXTS = re.compile(r"trans|meta|text|sentence|prompt|filelist", re.IGNORECASE)
#: Recordings of one name that are looked through for the one below a list.
_ALIKE = 100
#: What stands behind the name of a recording.
_SEPARATORS = ("|", "\t", " ")
#: Kaldi's files.
_PATHS, _TEXTS, _SPEAKERS, _PARTS = "wav.scp", "text", "utt2spk", "segments"
#: Ids of LibriSpeech begin with who reads.
_READER = re.compile(r"(\d+)[-_]\d+[-_]\d+")


def read(
    folder: Path, files: Iterable[Path], recordings: Sequence[Path], alone: Iterable[Path], source: Source
) -> Iterator[tuple[Path, Candidate]]:
    """The clips of all lists in a folder, each with the list that has it.

    Args:
        files: all that there are.
        alone: texts that are beside no recording.
    """
    there = _There(recordings)
    loose, beside = set(alone), {path.with_suffix("") for path in recordings}
    for path in files:
        table: Rows | None = None
        if path.suffix.lower() in _TABLES and path.with_suffix("") not in beside:
            table = _table(path, source, there) or _lines(path, there)
        elif path in loose:
            table = _lines(path, there)
        elif path.name == _PATHS and (path.parent / _TEXTS).is_file():
            table = _kaldi(path, folder)
        if table is not None:
            split = _split((path.stem, *path.relative_to(folder).parts[:-1]))
            placed = (_placed(row, path, folder, there) for row in table)
            for clip in manifest.clips(path, placed, source, split, folder):
                yield path, clip


class _There:
    """Recordings by their places and names, with their suffixes and without."""

    def __init__(self, recordings: Sequence[Path]) -> None:
        self._at: dict[str, Path] = {}
        self._named: dict[str, list[Path]] = defaultdict(list)
        for path in recordings:
            place = os.path.abspath(path)
            self._at |= {place: path, os.path.splitext(place)[0]: path}
            self._named[path.name].append(path)
            self._named[path.stem].append(path)

    def find(self, name: str, folder: Path) -> Path | None:
        """The recording that a list means; `folder` is the list's. None: there is none, or several have that name."""
        if not name:
            return None
        name = name.replace("\\", "/")
        if exact := self._at.get(os.path.abspath(folder / name)):
            return exact
        alike = self._named.get(name.rpartition("/")[2], [])
        below = [path for path in alike[:_ALIKE] if folder in path.parents]
        return next((found[0] for found in (below, alike) if len(found) == 1), None)


def _placed(row: dict[str, Any], path: Path, folder: Path, there: _There) -> dict[str, Any]:
    """A row with where its recording is in the folder; split, if it has none, as the recording's folders say."""
    where = manifest.path_of(row)
    found = there.find(where, path.parent)
    if found:
        inside = found.relative_to(folder)
        return {"split": _split(inside.parts[:-1]), **row, NAMES["path"][0]: str(inside)}
    return {**row, NAMES["path"][0]: str(path.parent.relative_to(folder) / where) if where else ""}


def _split(names: Iterable[str]) -> Split | None:
    return next((split for name in names if (split := split_named(name))), None)


def _table(path: Path, source: Source, there: _There) -> Rows | None:
    """A table with the columns that a manifest needs, of recordings that are there; None: it is none."""
    try:
        first = list(islice(rows(path), _FIRST))
    except SourceError:
        return None
    if not first or not manifest.has_columns(first[0], source):
        return None
    return rows(path) if any(there.find(manifest.path_of(row), path.parent) for row in first) else None


def _lines(path: Path, there: _There) -> Rows | None:
    """A file of lines with the name of a recording and its text each; None: its first line has not."""
    if not _OF_TEXTS.search(path.stem):
        return None
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (UnicodeDecodeError, OSError):
        return None
    for separator in _SEPARATORS:
        name, behind, text = lines[0].partition(separator) if lines else ("", "", "")
        if behind and text.strip() and there.find(name.strip(), path.parent):
            return (_row(line, separator) for line in lines)
    return None


def _row(line: str, separator: str) -> dict[str, Any]:
    name, *texts = line.split(separator, 1 if separator == " " else -1)
    reader = _READER.match(name.strip())
    return {
        "path": name.strip(),
        "text": next((text.strip() for text in texts if text.strip()), ""),
        "speaker": reader[1] if reader else "",
    }


def _kaldi(path: Path, folder: Path) -> Rows:
    """Of a folder of Kaldi's: an utterance is a recording, or a part of one."""
    files, texts = _pairs(path), _pairs(path.parent / _TEXTS)
    speakers, parts = _pairs(path.parent / _SPEAKERS), _pairs(path.parent / _PARTS)
    for utterance, text in texts.items():
        recording, *times = parts.get(utterance, utterance).split()
        where = files.get(recording, "")
        if not (path.parent / where).exists() and Path(where).exists():
            where = os.path.abspath(where)  # recipes are at work somewhere else
        id = str(path.parent.relative_to(folder) / utterance)
        row = {"id": id, "path": where, "text": text, "speaker": speakers.get(utterance, "")}
        if where.endswith("|"):
            row[DAMAGED] = f"a command in the place of a file: {where}"
        yield {**row, **dict(zip(("start_s", "end_s"), times, strict=False))}


def _pairs(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} cannot be read: it is not in UTF-8 ({error}). Save it as UTF-8") from error
    found = (line.strip().split(maxsplit=1) for line in lines if line.strip())
    return {first: rest[0] if rest else "" for first, *rest in found}
