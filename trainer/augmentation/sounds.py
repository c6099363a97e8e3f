"""Banks of sounds: the recordings of a folder (noise, music, impulse responses), decoded once to 16 kHz and cached.

A bank is stored in the user's cache under a digest of the names, sizes and times of the files. It is read through a
memory map, so all processes share it, and even a hundred hours of sound take no memory of their own.
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

#: Maximum number of draws of a piece, and the peak (of full scale) below which it is drawn again: noise has pauses.
_MAX_DRAWS, _MIN_PEAK = 5, 1e-4


class Sounds:
    """The recordings below a folder.

    Args:
        cache: the folder of banks; None: the user's cache (XDG_CACHE_HOME).

    Raises:
        SourceError: the folder does not exist, or has no audio.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        if not folder.is_dir():
            raise SourceError(f"{folder} is not a folder of recordings")
        files = sorted(path for path in files_in(folder) if path.suffix.lower() in AUDIO_SUFFIXES)
        if not files:
            raise SourceError(f"{folder} has no recordings ({', '.join(sorted(AUDIO_SUFFIXES))})")
        self.folder = folder
        self._bank = (cache or _cache(os.environ)) / f"{_digest(folder, files)}.pcm"
        index = self._bank.with_suffix(".json")
        if not index.exists():
            _make(self._bank, index, folder, files)
        self._ends = np.cumsum(json.loads(index.read_text(encoding="utf-8"))["samples"])
        self._samples: NDArray[np.int16] | None = None

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self._ends)

    @property
    def samples(self) -> int:
        """Number of samples of all recordings."""
        return int(self._ends[-1])

    def __getstate__(self) -> Mapping[str, Any]:
        """Exclude the samples when pickled: another process opens the bank itself."""
        return {**self.__dict__, "_samples": None}

    def any(self, rng: np.random.Generator) -> Audio:
        """Return a random recording; all are equally likely."""
        return _float(self._recording(int(rng.integers(0, len(self)))))

    def piece(self, samples: int, rng: np.random.Generator) -> Audio:
        """Return `samples` from a random position; longer recordings are drawn more often."""
        for _ in range(_MAX_DRAWS):
            number = int(np.searchsorted(self._ends, int(rng.integers(0, self.samples)), side="right"))
            audio = _float(noises.piece(self._recording(number), samples, rng))
            if float(np.abs(audio).max(initial=0.0)) > _MIN_PEAK:
                break
        return audio

    def _recording(self, number: int) -> NDArray[np.int16]:
        """Return a whole recording from the bank."""
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
    about = [(str(file.relative_to(folder)), (status := file.stat()).st_size, status.st_mtime_ns) for file in files]
    return hashlib.blake2b(json.dumps([str(folder.resolve()), about]).encode(), digest_size=12).hexdigest()


def _make(bank: Path, index: Path, folder: Path, files: Sequence[Path]) -> None:
    """Decode all files into a bank; report and skip those that cannot be decoded."""
    bank.parent.mkdir(parents=True, exist_ok=True)
    unfinished = bank.with_suffix(f".{os.getpid()}.tmp")
    lengths: list[int] = []
    errors: list[str] = []
    with unfinished.open("wb") as out:
        for file in tqdm(files, unit="file", desc=f"sounds of {folder.name}", disable=len(files) < 20):
            try:
                samples = decode(file).samples
            except AudioError as error:
                errors.append(f"{file.name}: {error}")
                continue
            if len(samples):
                out.write(samples.astype("<i2").tobytes())
                lengths.append(len(samples))
    if not lengths:
        unfinished.unlink()
        raise SourceError(f"no file in {folder} can be decoded: {errors[0] if errors else 'the files are empty'}")
    if errors:
        tqdm.write(f"{folder}: {len(errors)} of {len(files)} files cannot be decoded, such as {errors[0]}")
    unfinished.replace(bank)
    index_tmp = unfinished.with_suffix(".json.tmp")
    index_tmp.write_text(json.dumps({"folder": str(folder), "samples": lengths}), encoding="utf-8")
    index_tmp.replace(index)
