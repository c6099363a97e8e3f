"""Oversampled groups with a single speaker: a model may learn the voice instead of what the group has in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Speakers oversampled by more than this factor are named.
OFTEN = 2.0
#: At most this many are named, the most oversampled first.
MOST_NAMED = 5


def single_voices(groups: Sequence[tuple[str, ...]], speakers: Sequence[str], shares: NDArray[np.float64]) -> str:
    """A sentence that names these groups; empty if there are none.

    Args:
        groups, speakers: of each clip; an empty speaker is unknown.
        shares: of the draws, for each clip.
    """
    places = {key: place for place, key in enumerate(dict.fromkeys(groups))}
    of = np.array([places[key] for key in groups])
    times = np.bincount(of, shares) / np.bincount(of) * len(groups)
    voices: dict[tuple[str, ...], set[str]] = {key: set() for key in places}
    for key, speaker in zip(groups, speakers, strict=True):
        voices[key].add(speaker)
    factors = {" ".join(key): float(times[place]) for key, place in places.items() if _single(voices[key])}
    oversampled = sorted(((factor, name) for name, factor in factors.items() if factor > OFTEN), reverse=True)
    if not oversampled:
        return ""
    named = [f"{name} (drawn {factor:.1f} times as often as it occurs)" for factor, name in oversampled[:MOST_NAMED]]
    if len(oversampled) > MOST_NAMED:
        named.append(f"{len(oversampled) - MOST_NAMED} more")
    return f"groups with a single speaker, whose voice the model may learn instead: {', '.join(named)}"


def _single(voices: set[str]) -> bool:
    return len(voices) == 1 and "" not in voices
