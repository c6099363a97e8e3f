"""Utterances to evaluate on, which load their audio on demand."""

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
    """A text, its language, and a function that returns its audio: mono at SAMPLE_RATE, in -1…1.

    `text` is empty if there is no speech. `columns` are the values to group by, including `speaker`.
    """

    id: str
    text: str
    language: str
    duration_s: float
    audio: Callable[[], Audio]
    columns: Mapping[str, str] = field(default_factory=dict)


def of_clips(corpus: Corpus, clips: Sequence[Clip], language: str | None = None) -> list[Utterance]:
    """Utterances from clips of a prepared corpus; `language` overrides theirs."""
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
    """Utterances from examples in memory."""
    return [
        Utterance(str(number), example.text, example.language, example.duration_s, partial(_audio, example))
        for number, example in enumerate(examples)
    ]


def in_noise(utterances: Sequence[Utterance], snr_db: float, seed: int) -> list[Utterance]:
    """The utterances with added noise, which is the same at every call."""

    def noisy(utterance: Utterance) -> Audio:
        rng = np.random.default_rng([seed, *utterance.id.encode()])
        return snr.in_noise(utterance.audio(), snr_db, rng)

    return [replace(utterance, audio=partial(noisy, utterance)) for utterance in utterances]


def in_windows(utterances: Sequence[Utterance], longest_s: float, seed: int) -> list[list[Utterance]]:
    """Group utterances into windows, as on air: of one speaker if there are enough, else of one language.

    Utterances that fit with no other are left out.
    """
    rng = np.random.default_rng(seed)
    left = [utterances[n] for n in rng.permutation(len(utterances))]
    windows: list[list[Utterance]] = []
    for columns in (("language", "speaker"), ("language",)):
        groups: dict[tuple[str, ...], list[Utterance]] = {}
        for utterance in left:
            values = {"language": utterance.language, "speaker": utterance.columns.get("speaker") or utterance.id}
            groups.setdefault(tuple(values[name] for name in columns), []).append(utterance)
        rows = [row for group in groups.values() for row in _rows(group, longest_s)]
        windows += [row for row in rows if len(row) > 1]
        left = [row[0] for row in rows if len(row) == 1]
    return windows


def _rows(utterances: Sequence[Utterance], longest_s: float) -> list[list[Utterance]]:
    """Fill rows in order, each with as many utterances as fit."""
    rows: list[list[Utterance]] = []
    room_s = 0.0
    for utterance in utterances:
        if not rows or utterance.duration_s > room_s:
            rows.append([])
            room_s = longest_s
        rows[-1].append(utterance)
        room_s -= utterance.duration_s + PAUSE_S
    return rows


def window(row: Sequence[Utterance]) -> Utterance:
    """Join utterances of one language into one, with pauses between them."""

    def audio() -> Audio:
        pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
        return np.concatenate([part for utterance in row for part in (utterance.audio(), pause)][:-1])

    id, text = "+".join(utterance.id for utterance in row), " ".join(utterance.text for utterance in row)
    duration_s = sum(utterance.duration_s for utterance in row) + PAUSE_S * (len(row) - 1)
    return Utterance(id, text, row[0].language, duration_s, audio)


def _audio(example: Example) -> Audio:
    return example.audio
