"""How much of a chunk the next one repeats: back to the quietest place near its end. Pure.

A window that begins between two words hears all of them whole; one that begins a fixed time before the border begins
inside a word more often than not, in continuous speech. What is cut all the same lies where the window before heard it
whole. A word that fills the whole overlap is heard whole by nobody, which is why that has a shortest length.
"""

from __future__ import annotations

import numpy as np

from wire.audio import SAMPLE_BYTES, samples

#: The shortest and the longest overlap, as parts of the usual one.
SHORTEST, LONGEST = 0.7, 1.4

#: Energy is measured over so many samples (100 ms): longer than the closure of a plosive, as long as a short pause.
_WIDTH = samples(0.1)

#: And at every so many samples.
_STEP = samples(0.01)


def overlap_samples(pcm: bytes, usual: int) -> int:
    """Samples at the end of a chunk that the next one should repeat.

    Args:
        pcm: the chunk's new audio, s16le.
        usual: what the answer is on average, in samples; 0 for no overlap at all.

    Returns:
        Between SHORTEST and LONGEST of `usual`, or as many samples as there are if that is less.
    """
    n_samples = len(pcm) // SAMPLE_BYTES
    shortest, longest = round(usual * SHORTEST), min(round(usual * LONGEST), n_samples)
    if not usual or longest - shortest < _STEP:
        return min(usual, n_samples)
    # Half a width more on either side, so that the places themselves lie between the shortest and the longest.
    first = max(0, n_samples - longest - _WIDTH // 2)
    audio = np.frombuffer(pcm, dtype="<i2")[first : n_samples - shortest + _WIDTH // 2].astype(np.float64)
    if len(audio) <= _WIDTH:
        return min(usual, n_samples)
    sums = np.concatenate(([0.0], np.cumsum(audio**2)))
    energy = (sums[_WIDTH:] - sums[:-_WIDTH])[::_STEP]
    # Of places that are equally quiet, digital silence for one, the latest costs least.
    place = first + int(np.flatnonzero(energy <= energy.min())[-1]) * _STEP + _WIDTH // 2
    return int(np.clip(n_samples - place, shortest, longest))
