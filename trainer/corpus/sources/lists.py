"""Lists in a folder of recordings that say what is said in each, and where there is none beside it.

Tables with columns for path and text, as Hugging Face's `audiofolder` has them (metadata.csv), are manifests. Without
columns, a line has the name of a recording and its text: LJSpeech (`LJ001-0001|text|text`), LibriSpeech and MLS
(`84-121123-0000 TEXT`). Kaldi has the two in two files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from trainer.corpus.sources import manifest
from trainer.corpus.sources.candidate import Candidate, Source, readable
from trainer.corpus.sources.columns import split_named
from trainer.corpus.sources.tables import DAMAGED, rows
from trainer.errors import SourceError

Rows = Iterable[dict[str, Any]]

_TABLES = frozenset({".csv", ".tsv", ".jsonl", ".json"})
#: Rows of a table, one of which must name a recording.
_FIRST = 100
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
    named = _named(recordings)
    loose, beside = set(alone), {path.with_suffix("") for path in recordings}
    for path in files:
        table: Rows | None = None
        if path.suffix.lower() in _TABLES and path.with_suffix("") not in beside:
            table = _table(path, source, named) or _lines(path, named)
        elif path in loose:
            table = _lines(path, named)
        elif path.name == _PATHS and (path.parent / _TEXTS).is_file():
            table = _kaldi(path)
        if table is not None:
            inside = path.relative_to(folder).parts[:-1]
            split = next((split for part in (path.stem, *inside) if (split := split_named(part))), None)
            within = "".join(f"{readable(Path(part))}/" for part in inside)
            for clip in manifest.clips(path, table, source, split, within):
                yield path, clip


def _named(recordings: Sequence[Path]) -> Callable[[str, Path], str]:
    """Tells which recording a list means, as the path from its folder; empty: none, or several have that name."""
    of: dict[str, list[Path]] = defaultdict(list)
    there = set(recordings)
    for path in recordings:
        of[path.stem].append(path)
        of[path.name].append(path)

    def find(name: str, folder: Path) -> str:
        if folder / name in there:
            return name
        found = [path for path in of.get(Path(name).name, ()) if folder in path.parents]
        return str(found[0].relative_to(folder)) if len(found) == 1 else ""

    return find


def _table(path: Path, source: Source, named: Callable[[str, Path], str]) -> Rows | None:
    """A table with the columns that a manifest needs, of recordings that are there; None: it is none."""
    try:
        first = list(islice(rows(path), _FIRST))
    except SourceError:
        return None
    if not first or not manifest.has_columns(first[0], source):
        return None
    return rows(path) if any(named(manifest.path_of(row), path.parent) for row in first) else None


def _lines(path: Path, named: Callable[[str, Path], str]) -> Rows | None:
    """A file of lines with the name of a recording and its text each; None: its first line has not."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (UnicodeDecodeError, OSError):
        return None
    for separator in _SEPARATORS:
        name, behind, text = lines[0].partition(separator) if lines else ("", "", "")
        if behind and text.strip() and named(name.strip(), path.parent):
            return (_row(line, separator, path.parent, named) for line in lines)
    return None


def _row(line: str, separator: str, folder: Path, named: Callable[[str, Path], str]) -> dict[str, Any]:
    name, *texts = line.split(separator, 1 if separator == " " else -1)
    reader = _READER.match(name.strip())
    return {
        "path": named(name.strip(), folder) or name.strip(),
        "text": next((text.strip() for text in texts if text.strip()), ""),
        "speaker": reader[1] if reader else "",
    }


def _kaldi(path: Path) -> Rows:
    """Of a folder of Kaldi's: an utterance is a recording, or a part of one."""
    files, texts = _pairs(path), _pairs(path.parent / _TEXTS)
    speakers, parts = _pairs(path.parent / _SPEAKERS), _pairs(path.parent / _PARTS)
    for utterance, text in texts.items():
        recording, *times = parts.get(utterance, utterance).split()
        where = files.get(recording, "")
        row = {"id": utterance, "path": where, "text": text, "speaker": speakers.get(utterance, "")}
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
