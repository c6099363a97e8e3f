"""A folder of recordings (noise, music, room impulses) as one bank of 16 kHz samples, decoded once and kept.

The bank lies in the user's cache, by the names, sizes and times of the files, and is read through a memory map: all
processes that make examples share it, and a hundred hours of it cost no memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from trainer.augmentation import noises
from trainer.corpus.decode import decode
from trainer.corpus.sources.folder import AUDIO_SUFFIXES, files_in
from trainer.errors import AudioError, SourceError

Audio = NDArray[np.float32]

#: A piece is drawn again, so many times at most, when it is quieter than this (of full scale): noise has pauses, too.
_TRIES, _FAINT = 5, 1e-4


class Sounds:
    """Recordings of a folder and of all folders in it.

    Args:
        cache: where banks are kept; None: as the desktop's rules say (XDG_CACHE_HOME).

    Raises:
        SourceError: there is no audio in it.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        if not folder.is_dir():
            raise SourceError(f"{folder} is no folder of recordings")
        files = sorted(path for path in files_in(folder) if path.suffix.lower() in AUDIO_SUFFIXES)
        if not files:
            raise SourceError(f"{folder} has no recordings in it ({', '.join(sorted(AUDIO_SUFFIXES))})")
        self.folder = folder
        self._bank = (cache or _cache(os.environ)) / f"{_digest(folder, files)}.pcm"
        index = self._bank.with_suffix(".json")
        if not index.exists():
            _make(self._bank, index, folder, files)
        self._ends = np.cumsum(json.loads(index.read_text(encoding="utf-8"))["samples"])
        self._samples: NDArray[np.int16] | None = None

    def __len__(self) -> int:
        """Number of recordings."""
        return len(self._ends)

    @property
    def samples(self) -> int:
        """Of all recordings together."""
        return int(self._ends[-1])

    def __getstate__(self) -> Mapping[str, Any]:
        """For another process: it opens the bank itself, instead of being sent all of it."""
        return {**self.__dict__, "_samples": None}

    def any(self, rng: np.random.Generator) -> Audio:
        """Any recording, each as likely as another."""
        return _float(self._recording(int(rng.integers(0, len(self)))))

    def piece(self, samples: int, rng: np.random.Generator) -> Audio:
        """`samples` from anywhere: an hour of rain is drawn as often as an hour of anything else."""
        for _ in range(_TRIES):
            number = int(np.searchsorted(self._ends, int(rng.integers(0, self.samples)), side="right"))
            found = _float(noises.piece(self._recording(number), samples, rng))
            if float(np.abs(found).max(initial=0.0)) > _FAINT:
                break
        return found

    def _recording(self, number: int) -> NDArray[np.int16]:
        """All of a recording, as it lies in the bank."""
        if self._samples is None:
            self._samples = np.memmap(self._bank, dtype="<i2", mode="r")
        start = int(self._ends[number - 1]) if number else 0
        return self._samples[start : int(self._ends[number])]


def _float(samples: NDArray[np.int16]) -> Audio:
    return samples.astype(np.float32) / np.float32(32768)


def _cache(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", "/tmp"), ".cache")
    return Path(home) / "undertext" / "sounds"


def _digest(folder: Path, files: Sequence[Path]) -> str:
    about = [(str(file.relative_to(folder)), (told := file.stat()).st_size, told.st_mtime_ns) for file in files]
    return hashlib.blake2b(json.dumps([str(folder.resolve()), about]).encode(), digest_size=12).hexdigest()


def _make(bank: Path, index: Path, folder: Path, files: Sequence[Path]) -> None:
    """Decode all files; what cannot be read is told and left out."""
    bank.parent.mkdir(parents=True, exist_ok=True)
    unfinished = bank.with_suffix(f".{os.getpid()}.tmp")
    lengths: list[int] = []
    refused: list[str] = []
    with unfinished.open("wb") as out:
        for file in tqdm(files, unit="file", desc=f"sounds of {folder.name}", disable=len(files) < 20):
            try:
                samples = decode(file).samples
            except AudioError as error:
                refused.append(f"{file.name}: {error}")
                continue
            if len(samples):
                out.write(samples.astype("<i2").tobytes())
                lengths.append(len(samples))
    if not lengths:
        unfinished.unlink()
        raise SourceError(f"nothing in {folder} can be read as audio: {refused[0] if refused else 'files are empty'}")
    if refused:
        tqdm.write(f"{folder}: {len(refused)} of {len(files)} files cannot be read, as {refused[0]}")
    unfinished.replace(bank)
    index_tmp = unfinished.with_suffix(".json.tmp")
    index_tmp.write_text(json.dumps({"folder": str(folder), "samples": lengths}), encoding="utf-8")
    index_tmp.replace(index)
