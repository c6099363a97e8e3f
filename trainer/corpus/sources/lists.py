"""Reads lists of transcripts in a folder of recordings, for recordings without a transcript beside them.

Tables with columns of paths and texts, such as metadata.csv of Hugging Face's `audiofolder`, are manifests. Without
column names, a line has the name of a recording and its text: LJSpeech (`LJ001-0001|text|text`), LibriSpeech and MLS
(`84-121123-0000 TEXT`). Kaldi has paths and texts in two files.
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
#: Rows of a table among which at least one must name an existing recording.
_MAX_ROWS_TRIED = 100
#: In the names of lists of transcripts; other lists may have the times or speakers of recordings.
_OF_TEXTS = re.compile(r"trans|meta|text|sentence|prompt|filelist", re.IGNORECASE)
#: Maximum number of recordings of one name among which the one below a list is searched.
_MAX_SAME_NAME = 100
#: Separators between the name of a recording and its text.
_SEPARATORS = ("|", "\t", " ")
#: Kaldi's files.
_PATHS, _TEXTS, _SPEAKERS, _PARTS = "wav.scp", "text", "utt2spk", "segments"
#: Ids of LibriSpeech begin with the reader.
_READER = re.compile(r"(\d+)[-_]\d+[-_]\d+")


def read(
    folder: Path, files: Iterable[Path], recordings: Sequence[Path], alone: Iterable[Path], source: Source
) -> Iterator[tuple[Path, Candidate]]:
    """Yield the clips of all lists in a folder, each with its list.

    Args:
        files: all files of the folder.
        alone: text files without a recording beside them.
    """
    there = _Recordings(recordings)
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


class _Recordings:
    """Finds recordings by path or name, with or without suffix."""

    def __init__(self, recordings: Sequence[Path]) -> None:
        self._at: dict[str, Path] = {}
        self._named: dict[str, list[Path]] = defaultdict(list)
        for path in recordings:
            place = os.path.abspath(path)
            self._at |= {place: path, os.path.splitext(place)[0]: path}
            self._named[path.name].append(path)
            self._named[path.stem].append(path)

    def find(self, name: str, folder: Path) -> Path | None:
        """Return the recording that a list in `folder` names; None if it does not exist, or several have the name."""
        if not name:
            return None
        name = name.replace("\\", "/")
        if exact := self._at.get(os.path.abspath(folder / name)):
            return exact
        alike = self._named.get(name.rpartition("/")[2], [])
        below = [path for path in alike[:_MAX_SAME_NAME] if folder in path.parents]
        return next((paths[0] for paths in (below, alike) if len(paths) == 1), None)


def _placed(row: dict[str, Any], path: Path, folder: Path, there: _Recordings) -> dict[str, Any]:
    """Return a row with the path of its recording, and with a split from its folders if it has none."""
    where = manifest.path_of(row)
    recording = there.find(where, path.parent)
    if recording:
        inside = recording.relative_to(folder)
        return {"split": _split(inside.parts[:-1]), **row, NAMES["path"][0]: str(inside)}
    return {**row, NAMES["path"][0]: str(path.parent.relative_to(folder) / where) if where else ""}


def _split(names: Iterable[str]) -> Split | None:
    return next((split for name in names if (split := split_named(name))), None)


def _table(path: Path, source: Source, there: _Recordings) -> Rows | None:
    """Return the rows of a table that has a manifest's columns and names existing recordings; else None."""
    try:
        first = list(islice(rows(path), _MAX_ROWS_TRIED))
    except SourceError:
        return None
    if not first or not manifest.has_columns(first[0], source):
        return None
    return rows(path) if any(there.find(manifest.path_of(row), path.parent) for row in first) else None


def _lines(path: Path, there: _Recordings) -> Rows | None:
    """Return the rows of a file whose lines have the name of a recording and its text; None for other files."""
    if not _OF_TEXTS.search(path.stem):
        return None
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (UnicodeDecodeError, OSError):
        return None
    for separator in _SEPARATORS:
        name, has_separator, text = lines[0].partition(separator) if lines else ("", "", "")
        if has_separator and text.strip() and there.find(name.strip(), path.parent):
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
    """Return the rows of a Kaldi data folder: an utterance is a recording or a part of one."""
    files, texts = _pairs(path), _pairs(path.parent / _TEXTS)
    speakers, parts = _pairs(path.parent / _SPEAKERS), _pairs(path.parent / _PARTS)
    for utterance, text in texts.items():
        recording, *times = parts.get(utterance, utterance).split()
        where = files.get(recording, "")
        if not (path.parent / where).exists() and Path(where).exists():
            where = os.path.abspath(where)  # relative to the current directory, as in recipes
        id = str(path.parent.relative_to(folder) / utterance)
        row = {"id": id, "path": where, "text": text, "speaker": speakers.get(utterance, "")}
        if where.endswith("|"):
            row[DAMAGED] = f"a command instead of a file: {where}"
        yield {**row, **dict(zip(("start_s", "end_s"), times, strict=False))}


def _pairs(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} cannot be read: it is not in UTF-8 ({error}). Save it as UTF-8") from error
    pairs = (line.strip().split(maxsplit=1) for line in lines if line.strip())
    return {first: rest[0] if rest else "" for first, *rest in pairs}
