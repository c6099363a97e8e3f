"""Where in an utterance the language turns. Pure.

A Whisper writes a window in one language. One in which a Swedish sentence ends and an English one begins comes out in
either of them, and what was said in the other one is left out or made up. So a window whose language is not told is
looked at in parts, from one pause to the next, and cut where it pays to say that another language begins.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transcriber.language import DOUBT
from wire.audio import SAMPLE_RATE_HZ
from wire.pauses import PAUSE_DB, PAUSE_SAMPLES, STEP_SAMPLES, levels_db

#: Sound is at most so many decibels below what is louder than nine tenths of an utterance; less power is silence.
_SOUND_DB, _LEAST_POWER = 25.0, 1e-9

#: What a turn must gain to be believed, and to be looked for more closely: the natural logarithm of how much likelier
#: all parts are with it.
TURN_COST, HINT_COST = 2.5, 0.5
#: No part is more certain than this not to be in a language, and one with less sound than so many seconds counts less.
_LEAST, _WHOLE_S = 0.01, 1.0


class Span(NamedTuple):
    """A part of an utterance, in samples."""

    begin: int
    end: int
    sound: int  # so many of its samples are none of a pause


def parts(audio: NDArray[np.float32]) -> list[Span]:
    """What lies between the middles of pauses; the whole where there is none."""
    level_db = levels_db(audio, PAUSE_SAMPLES, _LEAST_POWER)
    if not len(level_db):
        return [Span(0, len(audio), len(audio))]
    loud_db = np.percentile(level_db, 90)
    cuts: list[int] = []
    for is_quiet, run in itertools.groupby(range(len(level_db)), key=lambda n: bool(level_db[n] < loud_db - PAUSE_DB)):
        if is_quiet:
            quietest = min(run, key=lambda n: level_db[n])
            # Noise that is about as loud as a pause may be would cut one into slivers.
            if not cuts or (quietest - cuts[-1]) * STEP_SAMPLES >= PAUSE_SAMPLES:
                cuts.append(quietest)
            elif level_db[quietest] < level_db[cuts[-1]]:
                cuts[-1] = quietest
    sound = levels_db(audio, STEP_SAMPLES, _LEAST_POWER) > loud_db - _SOUND_DB
    edges = [0, *(cut * STEP_SAMPLES + PAUSE_SAMPLES // 2 for cut in cuts), len(audio)]
    return [
        Span(begin, end, int(sound[begin // STEP_SAMPLES : end // STEP_SAMPLES].sum()) * STEP_SAMPLES)
        for begin, end in itertools.pairwise(edges)
    ]


def turns(spans: Sequence[Span], probabilities: Sequence[Mapping[str, float]], cost: float) -> list[int]:
    """Where another language begins, in samples: the cheapest path through the languages of parts (Viterbi).

    Only languages that are not out of the question for all of it count.

    Args:
        probabilities: of the languages in each part.
        cost: what a turn must gain.
    """
    weights = [min(1.0, span.sound / SAMPLE_RATE_HZ / _WHOLE_S) for span in spans]
    shares = Counter[str]()
    for weight, likely in zip(weights, probabilities, strict=True):
        shares.update({language: weight * p for language, p in likely.items()})
    languages = sorted(language for language, share in shares.items() if share >= DOUBT * sum(weights))
    if len(languages) < 2:
        return []
    costs = dict.fromkeys(languages, 0.0)
    came_from: list[dict[str, str]] = []
    for weight, likely in zip(weights, probabilities, strict=True):
        best = min(languages, key=lambda language: costs[language])
        came = {language: language if costs[language] <= costs[best] + cost else best for language in languages}
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
    return [span.begin for span, before, now in zip(spans[1:], path, path[1:], strict=False) if now != before]
