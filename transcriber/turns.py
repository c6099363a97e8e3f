"""Where in an utterance the language turns. Pure.

A Whisper writes a window in one language. One in which a Swedish sentence ends and an English one begins comes out in
either of them, and what was said in the other one is left out or made up. So a window whose language is not told is
looked at in parts, from one pause to the next, and cut where it pays to say that another language begins.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wire.audio import SAMPLE_RATE_HZ, samples

#: A pause lasts for so many samples (300 ms), and is so many decibels below what is louder than nine tenths of the
#: utterance.
_PAUSE, _PAUSE_DB = samples(0.3), 10.0
#: Energy is looked at every so many samples.
_STEP = samples(0.01)

#: What a turn must gain to be believed, and to be looked for more closely: the natural logarithm of how much likelier
#: all parts are with it.
TURN_COST, HINT_COST = 2.5, 0.5
#: No part is more certain than this not to be in a language, and one that is shorter than so many seconds counts less.
_LEAST, _WHOLE_S = 0.01, 1.0


def parts(audio: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Begin and end of what lies between the middles of pauses, in samples; the whole where there is none."""
    sums = np.concatenate(([0.0], np.cumsum(audio.astype(np.float64) ** 2)))
    power = (sums[_PAUSE:] - sums[:-_PAUSE])[::_STEP] / _PAUSE
    if not len(power):
        return [(0, len(audio))]
    level_db = 10 * np.log10(np.maximum(power, 1e-9))
    quiet = level_db < np.percentile(level_db, 90) - _PAUSE_DB
    cuts = []
    for is_quiet, run in itertools.groupby(range(len(quiet)), key=lambda place: bool(quiet[place])):
        if is_quiet:
            quietest = min(run, key=lambda place: level_db[place])
            cuts.append(quietest * _STEP + _PAUSE // 2)
    return list(itertools.pairwise([0, *cuts, len(audio)]))


def turns(spans: Sequence[tuple[int, int]], probabilities: Sequence[Mapping[str, float]], cost: float) -> list[int]:
    """Where another language begins, in samples: the cheapest path through the languages of parts (Viterbi).

    Args:
        spans: begin and end of the parts.
        probabilities: of the languages in each of them.
        cost: what a turn must gain.
    """
    languages = sorted({language for each in probabilities for language in each})
    costs = dict.fromkeys(languages, 0.0)
    came_from: list[dict[str, str]] = []
    for (begin, end), likely in zip(spans, probabilities, strict=True):
        best = min(languages, key=lambda language: costs[language])
        came = {language: language if costs[language] <= costs[best] + cost else best for language in languages}
        weight = min(1.0, (end - begin) / SAMPLE_RATE_HZ / _WHOLE_S)
        costs = {
            language: min(costs[language], costs[best] + cost)
            - weight * math.log(max(_LEAST, likely.get(language, 0.0)))
            for language in languages
        }
        came_from.append(came)
    path = [min(languages, key=lambda language: costs[language])]
    for came in reversed(came_from[1:]):
        path.append(came[path[-1]])
    path.reverse()
    return [span[0] for span, before, now in zip(spans[1:], path, path[1:], strict=False) if now != before]
