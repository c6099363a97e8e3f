"""Levels of speech, and mixing at a signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.examples import SAMPLE_RATE

Audio = NDArray[np.float32]

#: Frames of 20 ms count as speech if they are at most this much quieter than the loudest. Pauses must not count, or
#: noise in a clip with long pauses would be too quiet (ITU-T P.56 does the same, with 15.9 dB relative to the mean).
FRAME_SAMPLES = SAMPLE_RATE // 50
ACTIVE_DB = 30.0


def rms(audio: Audio) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) if len(audio) else 0.0


def active_rms(audio: Audio) -> float:
    """Return the RMS of frames with speech; 0 for silence."""
    whole = len(audio) // FRAME_SAMPLES * FRAME_SAMPLES
    if not whole:
        return rms(audio)
    power = np.mean(np.square(audio[:whole].reshape(-1, FRAME_SAMPLES), dtype=np.float64), axis=1)
    active = power[power >= power.max() * 10 ** (-ACTIVE_DB / 10)]
    return float(np.sqrt(active.mean()))


def at_snr(speech: Audio, disturbance: Audio, snr_db: float) -> Audio:
    """Add a disturbance [n] so that the active part of `speech` [n] is `snr_db` above it; silence stays as it is."""
    loud, noise = active_rms(speech), rms(disturbance)
    if loud <= 0 or noise <= 1e-7:
        return speech
    return speech + disturbance * np.float32(loud / noise * 10 ** (-snr_db / 20))


def at_level(audio: Audio, level: float) -> Audio:
    """Scale audio to an active RMS of `level`; silence stays silence."""
    loud = active_rms(audio)
    return audio * np.float32(level / loud) if loud > 0 else audio
