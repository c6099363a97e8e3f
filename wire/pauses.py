"""What counts as a pause in speech, where ingest begins a window and where a transcriber parts one. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.audio import samples

#: A pause lasts for so many samples (300 ms), longer than any closure within a word, and is so many decibels below what
#: is louder than nine tenths of the audio: noise that is 10 dB below speech fills its pauses up to there.
PAUSE_SAMPLES, PAUSE_DB = samples(0.3), 10.0

#: Energy is looked at every so many samples.
STEP_SAMPLES = samples(0.01)


def levels_db(audio: NDArray[np.int16] | NDArray[np.float32], width: int, least: float) -> NDArray[np.float64]:
    """Level in decibels over `width` samples from every STEP_SAMPLES-th place on; empty for audio that is shorter.

    Args:
        least: power that is not told from silence, in the square of the audio's own scale.
    """
    sums = np.concatenate(([0.0], np.cumsum(audio.astype(np.float64) ** 2)))
    power: NDArray[np.float64] = (sums[width:] - sums[:-width])[::STEP_SAMPLES] / width
    return 10 * np.log10(np.maximum(power, least))
