"""Reads a Common Voice release: lists (train.tsv, dev.tsv, …) beside a folder of clips.

The splits are train, dev and test. Further clips of `validated` or `other` have no split; `trainer.corpus.splits` adds
them to train, unless their speaker is in dev or test.

A release of spontaneous speech, answers to questions, has one list beside a folder of recordings, with a column for the
split, which is often empty. Answers that have not been transcribed yet have no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from trainer.corpus.clips import SPLITS
from trainer.corpus.sources.candidate import USUAL_LISTS, Candidate, FileAudio, Source
from trainer.corpus.sources.columns import NAMES, candidate, split_named
from trainer.corpus.sources.tables import count_rows, rows
from trainer.errors import SourceError

CLIPS = "clips"
#: Lists of clips; a release also has other .tsv files.
_OFFERED = ("train", "dev", "test", "validated", "other", "invalidated")
#: The durations of clips, in newer releases.
_DURATIONS = "clip_durations.tsv"

#: The recordings and the list of spontaneous speech.
_AUDIOS, _ANSWERS = "audios", "ss-corpus-*.tsv"
#: Sounds and hesitations in its transcripts: [laugh], [um]. Whisper does not write them.
_MARKS = re.compile(r"\[[^\]]*\]")


def is_release(folder: Path) -> bool:
    """Whether a folder is a release."""
    return is_scripted(folder) or _answers(folder) is not None


def is_scripted(folder: Path) -> bool:
    """Whether a folder is a release of read sentences; its name is only the language."""
    return (folder / CLIPS).is_dir() and any((folder / f"{name}.tsv").exists() for name in (*USUAL_LISTS, "other"))


def of_list(path: Path) -> str:
    """Return how to give a release's list as a source; empty if the path is not such a list."""
    if path.is_file() and path == _answers(path.parent):
        return f"{path.parent}"
    is_list = path.suffix == ".tsv" and path.stem in _OFFERED and path.is_file() and is_scripted(path.parent)
    return f"{path.parent}, and lists={path.stem}" if is_list else ""


def read(folder: Path, source: Source) -> Iterator[Candidate]:
    """Yield the clips of the lists that `source` names, each once.

    Raises:
        SourceError: a named list is missing, or all default ones; or a list has no column of clips or of texts.
    """
    if (answers := _answers(folder)) is not None and not is_scripted(folder):
        yield from _spontaneous(answers, source)
        return
    there = [name for name in _OFFERED if (folder / f"{name}.tsv").exists()]
    lists = [name for name in source.lists if (folder / f"{name}.tsv").exists()]
    missing = [f"{name}.tsv" for name in source.lists if name not in lists]
    if not lists or (missing and source.lists != USUAL_LISTS):
        raise SourceError(f"no {' and no '.join(missing)} in {folder}; it has {', '.join(there)}")
    durations_ms = _durations_ms(folder / _DURATIONS)
    recordings, elsewhere = folder / CLIPS, set[str]()
    locale = ""
    for name in lists:
        here = []
        for row in rows(folder / f"{name}.tsv"):
            _refuse_without_columns(row, folder / f"{name}.tsv")
            path = row.get("path", "")
            # Releases before 2020 leave the suffix out.
            file = path if Path(path).suffix else f"{path}.mp3"
            if path and file in elsewhere:  # `validated` repeats what the splits have
                continue
            here.append(file)
            # A truncated row lacks it, but a release has only one language.
            row["locale"] = locale = row.get("locale") or locale
            if file in durations_ms:
                row["duration_s"] = durations_ms[file] / 1000
            audio = FileAudio(recordings / file)
            yield candidate(row, f"{source.name}/{Path(file).stem}", audio, source, split_named(name))
        elsewhere.update(here)


def expected_clips(folder: Path, source: Source) -> int:
    """Return about how many clips a release of read sentences has in these lists, for a progress bar."""
    rows_of = {name: count_rows(path) for name in source.lists if (path := folder / f"{name}.tsv").exists()}
    validated = rows_of.pop("validated", 0)
    in_splits = sum(rows_of.pop(split, 0) for split in SPLITS)
    return max(validated, in_splits) + sum(rows_of.values())  # `validated` repeats what the splits have


def _refuse_without_columns(row: Mapping[str, str], path: Path) -> None:
    for column, names in (("path", ("path",)), ("sentence", NAMES["text"])):
        if not any(name in row for name in names):
            raise SourceError(f"{path} has no column {column}; it has {', '.join(filter(str.isprintable, row))}")


def _answers(folder: Path) -> Path | None:
    """Return the list of a release of spontaneous speech, if the folder is one."""
    return next(iter(sorted(folder.glob(_ANSWERS))), None) if (folder / _AUDIOS).is_dir() else None


def _spontaneous(answers: Path, source: Source) -> Iterator[Candidate]:
    if source.lists != USUAL_LISTS:
        raise SourceError(f"{answers.parent} is spontaneous speech, which has a single list: remove lists=")
    for row in rows(answers):
        file = row.get("audio_file", "")
        if row.get("duration_ms", "").isdigit():
            row["duration_s"] = int(row["duration_ms"]) / 1000
        audio = FileAudio(answers.parent / _AUDIOS / file)
        clip = candidate(row, f"{source.name}/{Path(file).stem}", audio, source, None)
        yield replace(clip, text=" ".join(_MARKS.sub(" ", clip.text).split()))


def _durations_ms(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    return {row["clip"]: float(row["duration[ms]"]) for row in rows(path) if row.get("duration[ms]", "").isdigit()}
