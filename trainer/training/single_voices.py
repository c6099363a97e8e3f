"""Groups that are a single voice, drawn much more often than it is there: a model may learn the voice instead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Drawn more than so many times as often as it is there, a voice is named.
OFTEN = 2.0
#: So many are named at most, the most often drawn first.
MOST_NAMED = 5


def single_voices(groups: Sequence[tuple[str, ...]], speakers: Sequence[str], shares: NDArray[np.float64]) -> str:
    """A sentence that names them; empty: there are none.

    Args:
        groups, speakers: of each clip; no speaker: it is not known who it is.
        shares: of the draws, of each clip.
    """
    places = {key: place for place, key in enumerate(dict.fromkeys(groups))}
    of = np.array([places[key] for key in groups])
    times = np.bincount(of, shares) / np.bincount(of) * len(groups)
    voices: dict[tuple[str, ...], set[str]] = {key: set() for key in places}
    for key, speaker in zip(groups, speakers, strict=True):
        voices[key].add(speaker)
    often = {" ".join(key): float(times[place]) for key, place in places.items() if _single(voices[key])}
    named = sorted(((n, name) for name, n in often.items() if n > OFTEN), reverse=True)
    if not named:
        return ""
    told = [f"{name} (drawn {n:.1f} times as often as it is there)" for n, name in named[:MOST_NAMED]]
    more = [f"{len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []
    return f"a single speaker each, whose voice may be learnt in place of what they share: {', '.join([*told, *more])}"


def _single(voices: set[str]) -> bool:
    return len(voices) == 1 and "" not in voices
