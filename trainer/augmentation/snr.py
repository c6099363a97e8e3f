"""Adds noise at a signal-to-noise ratio, and estimates the ratio of a recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.examples import SAMPLE_RATE

Audio = NDArray[np.float32]

#: Frames of 20 ms separate speech from pauses.
_FRAME_SAMPLES = SAMPLE_RATE // 50
#: Percentiles of the frames' energy that are the levels of speech and of the background.
_SPEECH_PERCENTILE, _BACKGROUND_PERCENTILE = 90, 10
#: Minimum level in dB relative to full scale; anything quieter is inaudible.
_QUIETEST_DB = -90.0


def in_noise(audio: Audio, snr_db: float, rng: np.random.Generator) -> Audio:
    """Add pink noise (-3 dB per octave, roughly like speech) `snr_db` below the loud frames."""
    spectrum = np.fft.rfft(rng.standard_normal(len(audio)))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    noise = np.fft.irfft(spectrum, len(audio))
    speech_db, _ = _levels(audio)
    gain = 10 ** ((speech_db - snr_db) / 20) / max(float(np.sqrt(np.mean(noise**2))), 1e-12)
    mixed = audio + gain * noise
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def estimate_db(audio: Audio) -> float:
    """Return the difference between loud and quiet frames in dB; it is low in noise, and in speech without pauses."""
    speech_db, background_db = _levels(audio)
    return speech_db - background_db


def _levels(audio: Audio) -> tuple[float, float]:
    """Return the levels of speech and background, in dB relative to full scale."""
    whole = len(audio) // _FRAME_SAMPLES * _FRAME_SAMPLES
    frames = audio[:whole].reshape(-1, _FRAME_SAMPLES) if whole else audio[None]
    levels = 10 * np.log10(np.maximum(np.mean(np.square(frames, dtype=np.float64), 1), 10 ** (_QUIETEST_DB / 10)))
    speech_db, background_db = np.percentile(levels, [_SPEECH_PERCENTILE, _BACKGROUND_PERCENTILE])
    return float(speech_db), float(background_db)
