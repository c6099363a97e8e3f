"""Digests of the audio of a corpus' clips, digests.bin: 16 bytes per clip, in the order of clips.jsonl.

They find duplicates, and the fingerprint depends on them. Without this file, a resumed run would read all audio again:
300 GB for 2,600 hours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from trainer.corpus.clips import Clip, Corpus

DIGESTS_NAME = "digests.bin"
_BYTES = 16


def digest(audio: NDArray[np.int16]) -> bytes:
    """Return a digest of the samples."""
    return hashlib.blake2b(audio.astype("<i2").tobytes(), digest_size=_BYTES).digest()


class Digests:
    """The ids of clips by the digests of their audio. Use it as a context manager.

    Args:
        clips: of an earlier run. Digests that are missing, as in a corpus from before this file existed, are computed.

    Raises:
        CorpusError: their audio is missing or truncated.
    """

    def __init__(self, folder: Path, clips: Sequence[Clip], progress: bool = False) -> None:
        corpus = Corpus(folder, finished=False)
        for last in {clip.file: clip for clip in clips}.values():
            corpus.samples(last)  # maps the file without reading it
        self._file = (folder / DIGESTS_NAME).open("a+b")
        self._file.seek(0)
        data = self._file.read()
        # A killed writer may leave one without a clip, or a part of one; a power failure may leave zeros.
        known = min(len(data.rstrip(b"\0")) // _BYTES, len(clips))
        self._file.truncate(known * _BYTES)
        places = range(0, known * _BYTES, _BYTES)
        self.ids = {data[place : place + _BYTES]: clip.id for place, clip in zip(places, clips, strict=False)}
        bar = tqdm(clips[known:], unit="clip", desc="digest", disable=not progress or known == len(clips))
        for clip in bar:
            self.add(digest(corpus.samples(clip)), clip.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, digest: bytes, id: str) -> None:
        """Record the digest of a clip, before the clip is written."""
        self._file.write(digest)
        self._file.flush()
        self.ids[digest] = id
