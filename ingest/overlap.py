"""How much of a chunk the next one repeats: back to the last pause in it, or else to its quietest place. Pure.

A model is at its best with a window that begins where speech does. So the next window begins in a pause, if there is
one near the end of the chunk: in read speech, more than half of all windows can. One that must begin in the middle of a
sentence needs to hear more of it, for a model mishears what comes within the first second or two. Pauses that are near
leave audio to spare for those. They begin between two words if they can. What is cut all the same lies where the window
before heard it whole; a word that fills the whole overlap is heard whole by nobody, so it has a shortest length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.audio import SAMPLE_BYTES, samples

#: The shortest and the longest overlap without a pause, as parts of the usual one. The longest is that of a pause, too.
SHORTEST, LONGEST = 0.7, 2.0
#: Audio that can be saved up, or owed, as a part of the usual overlap.
_MOST_SAVED = 2.0

#: A pause lasts for so many samples (300 ms), longer than any closure within a word, and is so many decibels below what
#: is louder than nine tenths of the chunk: noise that is 10 dB below speech fills its pauses up to there.
_PAUSE, _PAUSE_DB = samples(0.3), 10.0
#: A pause is that near to the end at the least, in samples: what is taken for one may lie in a word.
_NEAREST = samples(0.4)
#: Places that are equally quiet, in decibels.
_EQUALLY_DB = 2.0
#: A gap between two words, in samples (100 ms).
_GAP = samples(0.1)
#: Energy is looked at every so many samples.
_STEP = samples(0.01)


def overlap_samples(pcm: bytes, usual: int, saved: int = 0) -> int:
    """Samples at the end of a chunk that the next one should repeat.

    Args:
        pcm: the chunk's new audio, s16le.
        usual: what the answer is on average, or a little less than it, in samples; 0 for no overlap at all.
        saved: how many samples less were repeated so far than are usual; below 0: how many more, as where every pause
            is far. Only what has no pause has to do with less then.

    Returns:
        At most LONGEST of `usual`, or as many samples as there are if that is less.
    """
    audio = np.frombuffer(pcm[: len(pcm) - len(pcm) % SAMPLE_BYTES], dtype="<i2")
    usual = min(usual, len(audio))
    if usual < _GAP:
        return usual
    longest = min(round(usual * LONGEST), len(audio))
    return _to_pause(audio, longest) or _to_gap(audio, round(usual * SHORTEST), min(longest, usual + max(0, saved)))


def saved_samples(saved: int, usual: int, repeated: int) -> int:
    """What is saved when `repeated` samples were repeated instead of the usual ones."""
    most = round(usual * _MOST_SAVED)
    return max(-most, min(most, saved + usual - repeated))


def _to_pause(audio: NDArray[np.int16], longest: int) -> int:
    """Samples behind the last place in the quietest pause, if it is at most `longest` before the end; 0: none is."""
    level_db, behind = _levels(audio, _PAUSE)
    near = (behind <= longest) & (behind >= _NEAREST)
    if not near.any():  # too short for one
        return 0
    lowest_db = level_db[near].min()
    if np.percentile(level_db, 90) - lowest_db < _PAUSE_DB:
        return 0
    return int(behind[near & (level_db <= lowest_db + _EQUALLY_DB)][-1])


def _to_gap(audio: NDArray[np.int16], shortest: int, most: int) -> int:
    """Samples behind the quietest place that is so many before the end, nearer to `most` than to nothing."""
    level_db, behind = _levels(audio, _GAP)
    near = (behind <= most) & (behind >= max(shortest, round(most * SHORTEST)))
    if not near.any():
        return most
    # Of places that are equally quiet, digital silence for one, the latest costs least.
    return int(behind[near & (level_db <= level_db[near].min())][-1])


def _levels(audio: NDArray[np.int16], width: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Level in decibels over `width` samples around every place, and how many samples come behind each place."""
    sums = np.concatenate(([0.0], np.cumsum(audio.astype(np.float64) ** 2)))
    power = (sums[width:] - sums[:-width])[::_STEP] / width
    places = np.arange(len(power)) * _STEP + width // 2
    return 10 * np.log10(np.maximum(power, 1.0)), len(audio) - places
