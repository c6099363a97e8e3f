"""Data sets of Hugging Face: an id on the hub, or a folder that was downloaded, or that `save_to_disk` wrote.

Needs the extra `datasets`.

`datasets` 4 decodes audio with torchcodec, which has to match the machine's ffmpeg; we take the bytes, and decode them
as we do all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.columns import NAMES, candidate, split_named
from trainer.errors import SourceError


def is_data_set(folder: Path) -> bool:
    """Whether a folder is a data set: as `save_to_disk` writes it, or with the Parquet files of the hub."""
    return _is_saved(folder) or any(folder.glob("*.parquet")) or any(folder.glob("*/*.parquet"))


def _is_saved(folder: Path) -> bool:
    return (folder / "dataset_dict.json").exists() or (folder / "state.json").exists()


@dataclass(frozen=True)
class RowAudio:
    """A recording in a row of a data set."""

    path: str
    config: str
    split: str
    column: str
    row: int

    def open(self) -> Path | bytes:
        value = _open(self.path, self.config)[self.split][self.row][self.column] or {}
        if value.get("bytes"):
            return bytes(value["bytes"])
        if value.get("path"):
            return Path(value["path"])
        raise FileNotFoundError(str(self))

    def __str__(self) -> str:
        return f"{self.path}/{self.split}/{self.row}"


def read(source: Source) -> Iterator[Candidate]:
    """The clips of every split of a data set.

    Raises:
        SourceError: it is not there, or has no column of audio or of text.
    """
    for name, split in _open(source.path, source.config).items():
        column = _audio_column(split, source)
        known = (source.text,) if source.text else NAMES["text"]
        if source.speech and not set(known) & set(split.column_names):
            raise SourceError(
                f"{source.path} has no column {' or '.join(known)}, but {', '.join(split.column_names)}: text=…"
            )
        for number, row in enumerate(_described(split.remove_columns(column))):
            audio = RowAudio(source.path, source.config, name, column, number)
            id = row["id"] if isinstance(row.get("id"), str) else number
            yield candidate(row, f"{source.name}/{name}/{id}", audio, source, split_named(name))


def _described(split: Any) -> Iterator[dict[str, Any]]:
    """Rows with the names of classes in place of their numbers."""
    classes = {name: feature for name, feature in split.features.items() if hasattr(feature, "int2str")}
    for row in split:
        named = {
            name: feature.int2str(row[name])
            for name, feature in classes.items()
            if isinstance(row[name], int) and row[name] >= 0
        }
        yield {**row, **named}


def _audio_column(split: Any, source: Source) -> str:
    import datasets

    for name, feature in split.features.items():
        if isinstance(feature, datasets.Audio):
            return str(name)
    raise SourceError(f"{source.path} has no column of audio, but {', '.join(split.column_names)}")


@lru_cache(maxsize=8)
def _open(path: str, config: str) -> dict[str, Any]:
    """Its splits by name, audio left undecoded; one opening a process."""
    try:
        import datasets
    except ImportError as error:
        missing = "" if Path(path).exists() else f"there is no file or folder {path} here, and "
        raise SourceError(
            f"{missing}data sets of Hugging Face need another library: pip install 'undertext[datasets]'"
        ) from error
    try:
        opened = datasets.load_from_disk(path) if _is_saved(Path(path)) else datasets.load_dataset(path, config or None)
    except Exception as error:  # the hub, the network, the cache, the format: all fail in their own ways
        raise SourceError(f"{path} is no file or folder here, and as a data set of Hugging Face: {error}") from error
    splits = dict(opened) if isinstance(opened, dict) else {"all": opened}
    return {name: _undecoded(split) for name, split in splits.items()}


def _undecoded(split: Any) -> Any:
    import datasets

    for name, feature in split.features.items():
        if isinstance(feature, datasets.Audio):
            split = split.cast_column(name, datasets.Audio(decode=False))
    return split
