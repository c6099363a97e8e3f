"""Signal-to-noise ratios: noise added at a known one, and a guess at the one that a recording has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.examples import SAMPLE_RATE

Audio = NDArray[np.float32]

#: Frames of 20 ms tell speech from what is between.
_FRAME_SAMPLES = SAMPLE_RATE // 50
#: Speech is in the loudest frames, its background in the quietest: percentiles of their energy.
_SPEECH_PERCENTILE, _BACKGROUND_PERCENTILE = 90, 10
#: What is quieter than this below full scale, in dB, is no noise that anybody hears.
_QUIETEST_DB = -90.0


def in_noise(audio: Audio, snr_db: float, rng: np.random.Generator) -> Audio:
    """Add pink noise (it falls by 3 dB an octave, roughly as speech does) `snr_db` below the loud frames."""
    spectrum = np.fft.rfft(rng.standard_normal(len(audio)))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    noise = np.fft.irfft(spectrum, len(audio))
    speech_db, _ = _levels(audio)
    gain = 10 ** ((speech_db - snr_db) / 20) / max(float(np.sqrt(np.mean(noise**2))), 1e-12)
    mixed = audio + gain * noise
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def estimate_db(audio: Audio) -> float:
    """How far the loud frames are above the quiet ones, in dB: low in noise, and where there is no pause."""
    speech_db, background_db = _levels(audio)
    return speech_db - background_db


def _levels(audio: Audio) -> tuple[float, float]:
    """Level of speech and of background, in dB below full scale."""
    whole = len(audio) // _FRAME_SAMPLES * _FRAME_SAMPLES
    frames = audio[:whole].reshape(-1, _FRAME_SAMPLES) if whole else audio[None]
    levels = 10 * np.log10(np.maximum(np.mean(np.square(frames, dtype=np.float64), 1), 10 ** (_QUIETEST_DB / 10)))
    speech_db, background_db = np.percentile(levels, [_SPEECH_PERCENTILE, _BACKGROUND_PERCENTILE])
    return float(speech_db), float(background_db)
