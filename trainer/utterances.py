"""What a model is measured on: utterances that make their audio when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trainer import snr
from trainer.clips import COLUMNS, Clip, Corpus
from trainer.examples import Example

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Utterance:
    """Mono audio of SAMPLE_RATE in -1…1, made anew at each call; what is said in it; who says it.

    `text` is empty where nobody speaks. `columns` is what it can be grouped by, `speaker` among them.
    """

    id: str
    text: str
    language: str
    duration_s: float
    audio: Callable[[], Audio]
    columns: Mapping[str, str] = field(default_factory=dict)


def of_clips(corpus: Corpus, clips: Sequence[Clip], language: str | None = None) -> list[Utterance]:
    """Clips of a prepared corpus; `language` overrides theirs."""
    return [
        Utterance(
            clip.id,
            clip.text,
            language or clip.language,
            clip.duration_s,
            partial(corpus.audio, clip),
            {name: clip.column(name) for name in COLUMNS},
        )
        for clip in clips
    ]


def of_examples(examples: Sequence[Example]) -> list[Utterance]:
    """Examples that are in memory."""
    return [
        Utterance(str(number), example.text, example.language, example.duration_s, partial(_audio, example))
        for number, example in enumerate(examples)
    ]


def in_noise(utterances: Sequence[Utterance], snr_db: float, seed: int) -> list[Utterance]:
    """The same utterances in noise, each in the same noise whenever it is asked for."""

    def noisy(utterance: Utterance) -> Audio:
        rng = np.random.default_rng([seed, *utterance.id.encode()])
        return snr.in_noise(utterance.audio(), snr_db, rng)

    return [replace(utterance, audio=partial(noisy, utterance)) for utterance in utterances]


def _audio(example: Example) -> Audio:
    return example.audio
