"""Sounds without speech, which teach a model to write nothing for silence, noise and music."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.augmentation import noises
from trainer.augmentation.sounds import Sounds
from trainer.errors import PlanError
from trainer.examples import SAMPLE_RATE

Audio = NDArray[np.float32]

#: Share of digital silence (a muted line, or padding): it is learnt quickly.
SILENT_SHARE = 0.15
#: Share of sounds from the folders, if there are any; the others are synthesized.
RECORDED_SHARE = 0.7
#: Range of peaks, in dB relative to full scale: from barely audible to the output of a station's limiter.
PEAK_DB = (-60.0, 0.0)
SHORTEST_S = 1.0
#: Music is as likely as all noises together: models hallucinate words from it most often (whisper.cpp #1507).
_KINDS = (*noises.NOISES, *[noises.MUSIC] * len(noises.NOISES))


@dataclass(frozen=True)
class NonSpeechSounds:
    """A `NonSpeech` of `trainer.training.clip_source`.

    Attributes:
        share: of all examples.
        longest_s: maximum duration: that of clips, or the acoustic context.
        sounds: folders of recordings without speech; all are equally likely.
    """

    share: float
    longest_s: float = 30.0
    sounds: tuple[Sounds, ...] = ()

    def duration_s(self, rng: np.random.Generator) -> float:
        return round(float(rng.uniform(min(SHORTEST_S, self.longest_s), self.longest_s)) * SAMPLE_RATE) / SAMPLE_RATE

    def __call__(self, rng: np.random.Generator) -> Audio:
        samples = round(self.duration_s(rng) * SAMPLE_RATE)
        silent, recorded = rng.random() < SILENT_SHARE, rng.random() < RECORDED_SHARE
        if silent:
            return np.zeros(samples, np.float32)
        if recorded and self.sounds:
            audio = self.sounds[int(rng.integers(0, len(self.sounds)))].piece(samples, rng)
        else:
            audio = noises.noise(_KINDS[int(rng.integers(0, len(_KINDS)))], samples, rng)
        peak = float(np.abs(audio).max(initial=0.0))
        return audio * np.float32(10 ** (float(rng.uniform(*PEAK_DB)) / 20) / peak) if peak > 0 else audio


def non_speech_sounds(text: str, longest_s: float = 30.0, cache: Path | None = None) -> NonSpeechSounds | None:
    """Parse `--without-speech SHARE[:FOLDER…]`; None if the share is 0.

    Raises:
        PlanError: the share is invalid.
        SourceError: a folder has no recordings.
    """
    share, folders = without_speech(text)
    sounds = tuple(Sounds(Path(folder), cache) for folder in folders)
    return NonSpeechSounds(share, longest_s, sounds) if share else None


def without_speech(text: str) -> tuple[float, list[str]]:
    """Return the share and the folders of `SHARE[:FOLDER…]`.

    Raises:
        PlanError: the share is invalid.
    """
    number, *folders = text.split(":")
    try:
        share = float(number or 0)
    except ValueError:
        raise PlanError(
            f"--without-speech: {number!r} is not a share: give 0.05, or 0.05:FOLDER for its sounds"
        ) from None
    if not 0 <= share < 1:
        raise PlanError(f"--without-speech: a share is at least 0 and less than 1, not {share:g}")
    return share, folders
