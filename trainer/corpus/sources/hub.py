"""Reads Hugging Face datasets: a hub id, a downloaded folder, or one written by `save_to_disk`.

Needs the extra `datasets`.

`datasets` 4 decodes audio with torchcodec, which must match the machine's ffmpeg; we read the bytes and decode them
like any other recording.
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
    """Whether a folder is a dataset: written by `save_to_disk`, or with Parquet files, as on the hub."""
    return _is_saved(folder) or any(folder.glob("*.parquet")) or any(folder.glob("*/*.parquet"))


def _is_saved(folder: Path) -> bool:
    return (folder / "dataset_dict.json").exists() or (folder / "state.json").exists()


@dataclass(frozen=True)
class RowAudio:
    """A recording in a row of a dataset."""

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
    """Yield the clips of all splits of a dataset.

    Raises:
        SourceError: it does not exist, or has no column of audio or of text.
    """
    for name, split in _open(source.path, source.config).items():
        column = _audio_column(split, source)
        known = (source.text,) if source.text else NAMES["text"]
        if source.speech and not set(known) & set(split.column_names):
            raise SourceError(
                f"{source.path} has no column {' or '.join(known)}, but {', '.join(split.column_names)}: set text="
            )
        for number, row in enumerate(_described(split.remove_columns(column))):
            audio = RowAudio(source.path, source.config, name, column, number)
            id = row["id"] if isinstance(row.get("id"), str) else number
            yield candidate(row, f"{source.name}/{name}/{id}", audio, source, split_named(name))


def _described(split: Any) -> Iterator[dict[str, Any]]:
    """Yield rows with the names of classes in place of their numbers."""
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
    raise SourceError(f"{source.path} has no audio column, but {', '.join(split.column_names)}")


@lru_cache(maxsize=8)
def _open(path: str, config: str) -> dict[str, Any]:
    """Return the splits of a dataset by name, with audio undecoded; opened once per process."""
    try:
        import datasets
    except ImportError as error:
        missing = "" if Path(path).exists() else f"there is no file or folder {path}, and "
        raise SourceError(
            f"{missing}Hugging Face datasets need another library: pip install 'undertext[datasets]'"
        ) from error
    try:
        opened = datasets.load_from_disk(path) if _is_saved(Path(path)) else datasets.load_dataset(path, config or None)
    except Exception as error:  # hub, network, cache and format raise many kinds of errors
        raise SourceError(f"{path} is not a local file or folder, and as a Hugging Face dataset: {error}") from error
    splits = dict(opened) if isinstance(opened, dict) else {"all": opened}
    return {name: _undecoded(split) for name, split in splits.items()}


def _undecoded(split: Any) -> Any:
    import datasets

    for name, feature in split.features.items():
        if isinstance(feature, datasets.Audio):
            split = split.cast_column(name, datasets.Audio(decode=False))
    return split
