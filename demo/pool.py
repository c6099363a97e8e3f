"""The pool: hours of synthesized bulletins on disk, in shards.

The texts and voices of a shard depend only on the seed and its number. The samples do almost: espeak-ng keeps some
state between sentences. Since they are stored on disk, a training run can be resumed exactly.

A shard consists of `shard-NNNN.npy` (int16 samples) and `shard-NNNN.json` (the index of its bulletins and words). The
index is written last, so a shard without one is incomplete and is rendered again.
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

#: Bulletins per shard: about half an hour of audio, 60 MB, three seconds to render.
BULLETINS_PER_SHARD = 40
#: Minimum and maximum silence between two sentences, in seconds.
PAUSE_S = (0.2, 1.0)


@dataclass(frozen=True)
class Bulletin:
    """One continuous bulletin by one voice. Times are in seconds from its start.

    starts_s, ends_s: [words]; sentence_first: index of the first word of each sentence.
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
    """Bulletins by number, from the shards in a folder. A missing shard is rendered, or waited for if `wait` is set."""

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
    """Render the missing ones of the first `shards` shards; call `progress` with the number done so far."""
    pool = Pool(folder, seed)
    for number in range(shards):
        pool.prepare(number)
        progress(number + 1)


def render(folder: Path, seed: int, number: int) -> None:
    """Render one shard: training sentences spoken by training voices, in alternating languages."""
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
