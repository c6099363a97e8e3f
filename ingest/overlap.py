"""How much of a chunk the next one repeats: back to its last pause, or else to its quietest place. Pure.

Models perform best on windows that begin where speech does. So the next window begins in a pause, if there is one near
the end of the chunk: in read speech, more than half of all windows can. A window that must begin within a sentence
needs more context, as models make mistakes in the first second or two; pauses near the end save audio for these.
They begin between two words if possible. A word that is cut nevertheless is complete in the previous window, unless it
fills the whole overlap, which therefore has a minimum length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.audio import SAMPLE_BYTES, samples

#: Minimum and maximum overlap without a pause, as fractions of the usual one. The maximum also applies to pauses.
SHORTEST, LONGEST = 0.7, 2.0
#: Maximum audio that can be saved, or owed, as a fraction of the usual overlap.
_MAX_SAVED = 2.0

#: Length of a pause in samples (300 ms), longer than any closure within a word, and its level in decibels below the
#: 90th percentile of the chunk: noise that is 10 dB below speech fills its pauses up to that level.
_PAUSE, _PAUSE_DB = samples(0.3), 10.0
#: Minimum distance of a pause from the end of the chunk, in samples: a nearer one may be within a word.
_NEAREST = samples(0.4)
#: Places within this range count as equally quiet, in decibels.
_EQUAL_DB = 2.0
#: Length of a gap between two words, in samples (100 ms).
_GAP = samples(0.1)
#: Interval at which the level is measured, in samples.
_STEP = samples(0.01)


def overlap_samples(pcm: bytes, usual: int, saved: int = 0) -> int:
    """Number of samples at the end of a chunk that the next one should repeat.

    Args:
        pcm: the chunk's new audio, s16le.
        usual: the result on average, or slightly less than that, in samples; 0 for no overlap.
        saved: by how many samples earlier overlaps fell short of the usual one in total; negative if they exceeded it,
            as when every pause is far from the end. It only affects overlaps that begin outside a pause.

    Returns:
        At most `LONGEST` times `usual`, or the number of samples in the chunk if that is less.
    """
    audio = np.frombuffer(pcm[: len(pcm) - len(pcm) % SAMPLE_BYTES], dtype="<i2")
    usual = min(usual, len(audio))
    if usual < _GAP:
        return usual
    longest = min(round(usual * LONGEST), len(audio))
    return _to_pause(audio, longest) or _to_gap(audio, round(usual * SHORTEST), min(longest, usual + max(0, saved)))


def saved_samples(saved: int, usual: int, repeated: int) -> int:
    """The updated savings after an overlap of `repeated` samples."""
    limit = round(usual * _MAX_SAVED)
    return max(-limit, min(limit, saved + usual - repeated))


def _to_pause(audio: NDArray[np.int16], longest: int) -> int:
    """Samples after the last place in the quietest pause within `longest` of the end; 0 if there is no pause."""
    level_db, samples_after = _levels(audio, _PAUSE)
    near = (samples_after <= longest) & (samples_after >= _NEAREST)
    if not near.any():  # too short for one
        return 0
    lowest_db = level_db[near].min()
    if np.percentile(level_db, 90) - lowest_db < _PAUSE_DB:
        return 0
    return int(samples_after[near & (level_db <= lowest_db + _EQUAL_DB)][-1])


def _to_gap(audio: NDArray[np.int16], shortest: int, most: int) -> int:
    """Samples after the quietest place at most `most`, and at least `shortest` and 70 % of `most`, from the end."""
    level_db, samples_after = _levels(audio, _GAP)
    near = (samples_after <= most) & (samples_after >= max(shortest, round(most * SHORTEST)))
    if not near.any():
        return most
    # Of equally quiet places, as in digital silence, the last one costs least.
    return int(samples_after[near & (level_db <= level_db[near].min())][-1])


def _levels(audio: NDArray[np.int16], width: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Level in decibels over `width` samples around each place, and the number of samples after each place."""
    sums = np.concatenate(([0.0], np.cumsum(audio.astype(np.float64) ** 2)))
    power = (sums[width:] - sums[:-width])[::_STEP] / width
    places = np.arange(len(power)) * _STEP + width // 2
    return 10 * np.log10(np.maximum(power, 1.0)), len(audio) - places
