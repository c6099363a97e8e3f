"""Generates recordings and Common Voice releases for tests."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from trainer.corpus.decode import find_ffmpeg

#: Columns of the lists in newer releases of Common Voice.
COLUMNS = ("client_id", "path", "sentence", "up_votes", "down_votes", "age", "gender", "accents", "locale", "segment")


def voice(seconds: float, seed: int = 0, rate: int = 16_000, hz: float = 440.0) -> NDArray[np.float32]:
    """A tone with some noise, different for each seed."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(times))
    return (0.3 * np.sin(2 * np.pi * hz * times) + 0.01 * noise).astype(np.float32)


def record(path: Path, seconds: float = 1.0, seed: int = 0, rate: int = 16_000, channels: int = 1) -> Path:
    """Write a recording in the format of its suffix, with libsndfile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.repeat(voice(seconds, seed, rate)[:, None], channels, axis=1), rate)
    return path


def convert(path: Path, to: Path, *options: str) -> Path:
    """Convert a recording to another format, with ffmpeg."""
    subprocess.run([find_ffmpeg(), "-y", "-v", "error", "-i", path, *options, to], check=True)
    return to


def cut_short(path: Path, share: float = 0.6) -> Path:
    """Truncate a file, as an interrupted download does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def write_list(path: Path, rows: Sequence[dict[str, object]], columns: Sequence[str] = COLUMNS) -> None:
    """Write a list of a Common Voice release, in its format without quoting."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(columns), *("\t".join(str(row.get(name, "")) for name in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_csv(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    """Write a manifest."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def release(folder: Path, speakers: int = 6, clips: int = 3, locale: str = "sv-SE") -> Path:
    """Write a release whose splits share no speakers: four sixths are in train, one each in dev and test."""
    lists: dict[str, list[dict[str, object]]] = {"train": [], "dev": [], "test": []}
    for speaker in range(speakers):
        name = ("dev", "test")[speaker % 6 - 4] if speaker % 6 >= 4 else "train"
        for number in range(clips):
            path = f"common_voice_{locale}_{speaker}_{number}.mp3"
            record(folder / "clips" / path, 1.0 + 0.1 * number, seed=100 * speaker + number)
            lists[name].append(
                {
                    "client_id": f"speaker{speaker}",
                    "path": path,
                    "sentence": f"Mening nummer {number} på svenska.",
                    "up_votes": 2,
                    "down_votes": 0,
                    "age": "twenties",
                    "gender": "female_feminine",
                    "accents": "Skånska, lundensiska|Övrigt" if speaker % 2 else "",
                    "locale": locale,
                }
            )
    for name, rows in lists.items():
        write_list(folder / f"{name}.tsv", rows)
    return folder
