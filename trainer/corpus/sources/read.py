"""Chooses the reader of a source, and names sources."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from trainer.corpus.sources import common_voice, folder, hub, manifest
from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.tables import count_rows
from trainer.errors import SourceError

_TABLES = (".csv", ".tsv", ".jsonl", ".json")
_ROWS_IN_LINES = (".csv", ".tsv", ".jsonl")
_ARCHIVES = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip")


def read(source: Source, max_s: float) -> Iterator[Candidate]:
    """Yield all clips of a source.

    Args:
        max_s: maximum duration of clips that are cut from longer recordings.

    Raises:
        SourceError: the source is of an unknown kind, or lacks what its options need.
    """
    path = Path(source.path).expanduser()
    if how := common_voice.of_list(path):
        raise SourceError(f"{path} is a list of a Common Voice release: give its folder, {how}")
    if source.corrected and path.exists() and not _is_folder(path):
        raise folder.without_captions(path)
    if path.is_file() and path.suffix.lower() in _TABLES:
        yield from manifest.read(path, source)
    elif path.is_file() and path.suffix.lower() in _ARCHIVES:
        raise SourceError(f"{path} is an archive: unpack it, and give the resulting folder")
    elif path.is_file():
        raise SourceError(
            f"{path} is not a manifest: its name ends in none of {', '.join(_TABLES)}. A list of transcripts is read "
            f"with its folder: give {path.parent}"
        )
    elif not path.exists():
        inside = "/" in source.path and path.parent.is_dir()  # not a hub id: its owner is a local folder
        if inside or path.is_absolute() or source.path.startswith(".") or source.path.count("/") > 1:
            raise SourceError(f"{path} does not exist")
        if source.corrected:
            raise folder.without_captions(path)
        yield from hub.read(source)
    elif hub.is_data_set(path):
        yield from hub.read(source)
    else:
        yield from _folder(path, source, max_s)


def expected_clips(source: Source) -> int | None:
    """Return about how many clips a source has, for a progress bar; None if only reading it would tell."""
    path = Path(source.path).expanduser()
    with suppress(OSError):  # which reading reports
        if path.is_file() and path.suffix.lower() in _ROWS_IN_LINES:
            return count_rows(path)
        if common_voice.is_scripted(path):
            return common_voice.expected_clips(path, source)
    return None


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder of recordings with transcripts."""
    return path.is_dir() and not hub.is_data_set(path) and not _releases(path)


def _releases(path: Path) -> list[Path]:
    return [child for child in (path, *sorted(path.iterdir())) if common_voice.is_release(child)]


def _folder(path: Path, source: Source, max_s: float) -> Iterator[Candidate]:
    releases = _releases(path)
    if not releases and source.speech and (deeper := [*filter(common_voice.is_release, path.glob("*/*/"))]):
        some = min(deeper)
        raise SourceError(f"{path} contains a Common Voice release further down: give {some}, or {some.parent}")
    if not releases or not source.speech:
        yield from folder.read(path, source, max_s)
    elif path in releases:
        yield from common_voice.read(path, source)
    else:  # several languages
        for release in releases:
            yield from common_voice.read(release, replace(source, name=f"{source.name}/{release.name}"))


def with_names(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """Return the sources with unique names."""
    taken: set[str] = set()
    named = []
    for source in sources:
        name = base = source.name or _name(source.path)
        count = 1
        while name in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(name)
        named.append(replace(source, name=name))
    return tuple(named)


def _name(path: str) -> str:
    """Return the last part of a path; for a Common Voice release, with the folder above: cv-corpus-17.0/sv-SE."""
    parts = Path(path).expanduser().absolute()
    if common_voice.is_scripted(parts):
        return f"{parts.parent.name}/{parts.name}"
    return parts.name if parts.is_dir() else parts.stem
