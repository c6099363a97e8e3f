"""A corpus in a language of four tones, which a small model learns from random weights within minutes on a CPU.

The number of words is known only from the audio: a model must recognise where speech ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.corpus.clips import Corpus, Writer
from trainer.examples import SAMPLE_RATE

WORDS_HZ = {"do": 300.0, "mi": 700.0, "so": 1500.0, "ti": 3200.0}
#: Number of words in a clip; duration of a word, and of the pause after it, in seconds. No clip exceeds 1.9 s.
WORDS, WORD_S, PAUSE_S = (1, 7), (0.1, 0.18), (0.02, 0.08)
#: Relative variation of a tone's frequency, and amplitude of noise.
DETUNED, NOISE = 0.04, 0.01


def tones(folder: Path, train: int = 2000, test: int = 300, seed: int = 1) -> Corpus:
    """Write a corpus with the given numbers of training and test clips."""
    rng = np.random.default_rng(seed)
    with Writer(folder) as writer:
        for number in range(train + test):
            words = [list(WORDS_HZ)[int(rng.integers(len(WORDS_HZ)))] for _ in range(int(rng.integers(*WORDS)) + 1)]
            audio = np.concatenate(list(_spoken(words, rng)))
            audio = audio + NOISE * rng.standard_normal(len(audio))
            split = "train" if number < train else "test"
            samples = (32_000 * audio).astype(np.int16)
            writer.add(samples, id=str(number), text=" ".join(words), language="en", split=split)
        return writer.finish({"sources": []})


def _spoken(words: list[str], rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    for word in words:
        frequency_hz = WORDS_HZ[word] * rng.uniform(1 - DETUNED, 1 + DETUNED)
        time_s = np.arange(round(rng.uniform(*WORD_S) * SAMPLE_RATE)) / SAMPLE_RATE
        yield 0.3 * np.sin(2 * np.pi * frequency_hz * time_s)
        yield np.zeros(round(rng.uniform(*PAUSE_S) * SAMPLE_RATE))
