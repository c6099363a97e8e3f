"""Evaluate the user's own recordings: chunks that the detector lets through, and captions where there is no speech.

A folder may have a SOURCES.tsv with a column `file` (a path within the folder), and optional columns `kind` (`speech`
or `nospeech`) and `language`. Without one, every audio file in the folder is used, with unknown kind and language.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.captions.pipeline import ours
from benchmarks.captions.programme import Programme
from benchmarks.captions.run import Meter
from ingest.media.ffmpeg import decode_command

SPEECH, NO_SPEECH, UNKNOWN = "speech", "nospeech", "unknown"

#: Suffixes of audio files in a folder without SOURCES.tsv.
SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".webm", ".mp4", ".mkv"})


@dataclass(frozen=True)
class Recording:
    """An audio file, and its kind and language if known."""

    path: Path
    name: str
    kind: str = UNKNOWN
    language: str | None = None


@dataclass
class Detected:
    """Results of some recordings: ideally no speech is withheld, and nothing else is let through."""

    files: int = 0
    audio_s: float = 0.0
    withheld_s: float = 0.0
    chunks: int = 0  # let through
    captions: int = 0

    def row(self, name: str, kind: str) -> dict[str, object]:
        """A row of the table, without columns that do not apply to this kind of recording."""
        row: dict[str, object] = {"recordings": name, "files": self.files, "minutes": round(self.audio_s / 60, 2)}
        row["withheld %"] = round(100 * self.withheld_s / self.audio_s, 2) if self.audio_s else None
        if kind != SPEECH and self.audio_s:
            row["chunks / h"] = round(3600 * self.chunks / self.audio_s, 1)
            row["captions / h"] = round(3600 * self.captions / self.audio_s, 1)
        return row


def recordings(folder: Path) -> list[Recording]:
    """The recordings in a folder.

    Raises:
        FileNotFoundError: a file in SOURCES.tsv does not exist, or the folder has no audio.
    """
    table = folder / "SOURCES.tsv"
    if table.exists():
        with table.open(encoding="utf-8", newline="") as lines:
            recordings = [
                _recording(folder, row) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            ]
    else:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        recordings = [Recording(path, str(path.relative_to(folder))) for path in paths]
    missing = [recording.name for recording in recordings if not recording.path.is_file()]
    if missing or not recordings:
        raise FileNotFoundError(f"{folder}: {'no such file: ' + missing[0] if missing else 'no audio in it'}")
    return recordings


def detect(recordings: Iterable[Recording], meter: Meter) -> tuple[list[dict[str, object]], dict[str, float]]:
    """Rows and figures: for speech, one row per language; otherwise, one row per file."""
    groups: dict[tuple[str, str], Detected] = {}
    kinds: dict[str, Detected] = {}
    for recording in tqdm(list(recordings), unit="file", desc="recordings", leave=False):
        one = _detected(_programme(recording), meter)
        name = f"{SPEECH} {recording.language or '?'}" if recording.kind == SPEECH else recording.path.stem
        for group in (
            groups.setdefault((recording.kind, name), Detected()),
            kinds.setdefault(recording.kind, Detected()),
        ):
            _add(group, one)
    rows = [group.row(name, kind) for (kind, name), group in groups.items()]
    rows += [group.row(f"all {kind}", kind) for kind, group in kinds.items()]
    return rows, _figures(kinds)


def _figures(kinds: dict[str, Detected]) -> dict[str, float]:
    figures = {}
    if (speech := kinds.get(SPEECH)) and speech.audio_s:
        figures["recordings_speech_withheld_percent"] = 100 * speech.withheld_s / speech.audio_s
    if (silent := kinds.get(NO_SPEECH)) and silent.audio_s:
        figures["recordings_let_through_per_hour"] = 3600 * silent.chunks / silent.audio_s
        figures["recordings_false_captions_per_hour"] = 3600 * silent.captions / silent.audio_s
    return figures


def _detected(programme: Programme, meter: Meter) -> Detected:
    run = ours(programme, meter, detected=True)
    captions = sum(1 for _ in run.finals())
    withheld_s = sum(end_s - start_s for start_s, end_s in run.withheld)
    return Detected(1, programme.duration_s, withheld_s, len(run.borders), captions)


def _add(group: Detected, one: Detected) -> None:
    for name in Detected.__dataclass_fields__:
        setattr(group, name, getattr(group, name) + getattr(one, name))


def _recording(folder: Path, row: dict[str, str]) -> Recording:
    kind = row.get("kind") or UNKNOWN
    language = row.get("language") or ""
    return Recording(folder / row["file"], row["file"], kind, language if language.isalpha() else None)


def _programme(recording: Recording) -> Programme:
    """A recording as a programme without reference words."""
    command = decode_command(str(recording.path), remote=False, live=False)
    pcm = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return Programme(recording.name, "en", np.frombuffer(pcm, "<i2"), ())
