"""What a model is measured on: utterances that make their audio when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trainer.augmentation import snr
from trainer.corpus.clips import COLUMNS, Clip, Corpus
from trainer.examples import SAMPLE_RATE, Example

Audio = NDArray[np.float32]

#: Silence between two utterances of a window, in seconds.
PAUSE_S = 0.3


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


def in_windows(utterances: Sequence[Utterance], longest_s: float, seed: int) -> list[list[Utterance]]:
    """Which utterances go into one window, as on air: those of one speaker if there are enough, else of one language.

    Whatever finds no other that fits beside it is left out.
    """
    rng = np.random.default_rng(seed)
    left = [utterances[n] for n in rng.permutation(len(utterances))]
    windows: list[list[Utterance]] = []
    for alike in (("language", "speaker"), ("language",)):
        groups: dict[tuple[str, ...], list[Utterance]] = {}
        for one in left:
            told = {"language": one.language, "speaker": one.columns.get("speaker") or one.id}
            groups.setdefault(tuple(told[name] for name in alike), []).append(one)
        rows = [row for group in groups.values() for row in _rows(group, longest_s)]
        windows += [row for row in rows if len(row) > 1]
        left = [row[0] for row in rows if len(row) == 1]
    return windows


def _rows(utterances: Sequence[Utterance], longest_s: float) -> list[list[Utterance]]:
    """In their order, as many in a row as fit."""
    rows: list[list[Utterance]] = []
    room_s = 0.0
    for one in utterances:
        if not rows or one.duration_s > room_s:
            rows.append([])
            room_s = longest_s
        rows[-1].append(one)
        room_s -= one.duration_s + PAUSE_S
    return rows


def window(row: Sequence[Utterance]) -> Utterance:
    """Some utterances of one language as one, with pauses between them."""

    def audio() -> Audio:
        pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
        return np.concatenate([part for one in row for part in (one.audio(), pause)][:-1])

    duration_s = sum(one.duration_s for one in row) + PAUSE_S * (len(row) - 1)
    return Utterance(
        "+".join(one.id for one in row), " ".join(one.text for one in row), row[0].language, duration_s, audio
    )


def _audio(example: Example) -> Audio:
    return example.audio
