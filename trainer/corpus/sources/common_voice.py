"""A release of Common Voice: lists (train.tsv, dev.tsv, …) beside a folder of clips.

Its own splits come of train, dev and test. Whatever `validated` or `other` have beyond these has no split of its own;
`trainer.corpus.splits` gives it to training, unless its speaker is in dev or test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trainer.corpus.sources.candidate import USUAL_LISTS, Candidate, FileAudio, Source
from trainer.corpus.sources.columns import candidate, split_named
from trainer.corpus.sources.tables import rows
from trainer.errors import SourceError

CLIPS = "clips"
#: Lists of clips; a release has more .tsv than these.
_OFFERED = ("train", "dev", "test", "validated", "other", "invalidated")
#: Written in newer releases: how long each clip is.
_DURATIONS = "clip_durations.tsv"


def is_release(folder: Path) -> bool:
    """Whether a folder is a release."""
    return (folder / CLIPS).is_dir() and any((folder / f"{name}.tsv").exists() for name in (*USUAL_LISTS, "other"))


def is_list(path: Path) -> bool:
    """Whether a file is one of a release's lists, whose recordings lie in another folder than it."""
    return path.suffix == ".tsv" and path.stem in _OFFERED and path.is_file() and is_release(path.parent)


def read(folder: Path, source: Source) -> Iterator[Candidate]:
    """The clips of the lists that `source` names, each once.

    Raises:
        SourceError: one of them is not there, or none of the usual ones.
    """
    there = [name for name in _OFFERED if (folder / f"{name}.tsv").exists()]
    lists = [name for name in source.lists if (folder / f"{name}.tsv").exists()]
    missing = [f"{name}.tsv" for name in source.lists if name not in lists]
    if not lists or (missing and source.lists != USUAL_LISTS):
        raise SourceError(f"no {' and no '.join(missing)} in {folder}; there are {', '.join(there)}")
    durations_ms = _durations_ms(folder / _DURATIONS)
    elsewhere: set[str] = set()
    for name in lists:
        here = []
        for row in rows(folder / f"{name}.tsv"):
            path = row.get("path", "")
            # Releases before 2020 leave the suffix out.
            file = path if Path(path).suffix else f"{path}.mp3"
            if path and file in elsewhere:  # `validated` repeats what the splits have
                continue
            here.append(file)
            if file in durations_ms:
                row["duration_s"] = durations_ms[file] / 1000
            audio = FileAudio(folder / CLIPS / file)
            yield candidate(row, f"{source.name}/{Path(file).stem}", audio, source, split_named(name))
        elsewhere.update(here)


def _durations_ms(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    return {row["clip"]: float(row["duration[ms]"]) for row in rows(path) if row.get("duration[ms]", "").isdigit()}
