"""The pool: hours of rendered bulletins on disk, in shards.

Which texts and voices a shard has is a function of the seed and its number. The samples nearly are: espeak-ng keeps a
little state between sentences. On disk they do not change, and so a training run can be resumed exactly.

A shard is `shard-NNNN.npy` (int16 samples) beside `shard-NNNN.json` (its bulletins and words). The index is written
last, so a shard without one is unfinished and is made again.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.bulletins import LANGUAGES, Language, bulletin
from demo.voices import SAMPLE_RATE, draw_voice, speak_all

#: Bulletins in a shard: about half an hour of audio, 60 MB, three seconds of rendering.
BULLETINS_PER_SHARD = 40
#: Seconds of silence between two sentences: from the shortest to the longest.
PAUSE_S = (0.2, 1.0)


@dataclass(frozen=True)
class Bulletin:
    """One continuous bulletin by one voice; times are seconds from its start.

    starts_s, ends_s: [words]; sentence_first: index of each sentence's first word.
    """

    language: Language
    voice: str
    audio: NDArray[np.int16]
    texts: tuple[str, ...]
    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    sentence_first: tuple[int, ...]

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE


class Pool:
    """Bulletins by number, from shards under a folder; a shard that is not there is rendered, or waited for."""

    def __init__(self, folder: Path, seed: int, wait: bool = False) -> None:
        self._folder = folder / f"seed-{seed}"
        self._seed = seed
        self._wait = wait
        self._shards: dict[int, list[Bulletin]] = {}

    def bulletin(self, number: int) -> Bulletin:
        shard, position = divmod(number, BULLETINS_PER_SHARD)
        return self.shard(shard)[position]

    def shard(self, number: int) -> list[Bulletin]:
        if number not in self._shards:
            self.prepare(number)
            self._shards[number] = _load(self._folder, number)
        return self._shards[number]

    def prepare(self, number: int) -> None:
        """Make sure that a shard is on disk."""
        while not _index_path(self._folder, number).exists():
            if self._wait:
                time.sleep(1)
            else:
                render(self._folder, self._seed, number)


def render_all(folder: Path, seed: int, shards: int, progress: Callable[[int], None]) -> None:
    """Render whatever is missing of the first `shards` shards; `progress` hears how many are done."""
    pool = Pool(folder, seed)
    for number in range(shards):
        pool.prepare(number)
        progress(number + 1)


def render(folder: Path, seed: int, number: int) -> None:
    """Render one shard: training sentences by training voices, the languages in turn."""
    rng = random.Random(f"pool-{seed}-{number}")
    parts, index, samples = [], [], 0
    for order in range(BULLETINS_PER_SHARD):
        language = LANGUAGES[order % len(LANGUAGES)]
        texts = bulletin(language, rng, "train", rng.randint(10, 16))
        voice = draw_voice(language, rng, "train")
        speech = speak_all(texts, voice, rng, PAUSE_S)
        firsts = np.cumsum([0, *(len(text.split()) for text in texts)])[:-1]
        index.append(
            {
                "language": language,
                "voice": voice.name,
                "start": samples,
                "samples": len(speech.audio),
                "texts": [word.text for word in speech.words],
                "starts_s": [round(word.start_s, 4) for word in speech.words],
                "ends_s": [round(word.end_s, 4) for word in speech.words],
                "sentence_first": firsts.tolist(),
            }
        )
        parts.append(speech.audio)
        samples += len(speech.audio)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(_audio_path(folder, number), np.concatenate(parts))
    unfinished = _index_path(folder, number).with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(json.dumps(index), encoding="utf-8")
    unfinished.rename(_index_path(folder, number))


def _load(folder: Path, number: int) -> list[Bulletin]:
    audio = np.load(_audio_path(folder, number), mmap_mode="r")
    return [
        Bulletin(
            language=entry["language"],
            voice=entry["voice"],
            audio=audio[entry["start"] : entry["start"] + entry["samples"]],
            texts=tuple(entry["texts"]),
            starts_s=np.array(entry["starts_s"]),
            ends_s=np.array(entry["ends_s"]),
            sentence_first=tuple(entry["sentence_first"]),
        )
        for entry in json.loads(_index_path(folder, number).read_text(encoding="utf-8"))
    ]


def _audio_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:04d}.npy"


def _index_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:04d}.json"
