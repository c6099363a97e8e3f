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
#: No part is more certain than this not to be in a language; it counts by its seconds of sound, up to so many: a whole
#: sentence outweighs the turn before it and the one behind it.
_LEAST, _MOST_S = 0.001, 2.0

#: What sounds for less than so many seconds has too little for a model to tell its language by that, however sure it
#: is; with less than so many it holds no word.
_SHORT_S, _WORDLESS_S = 1.0, 0.15


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


def in_play(spans: Sequence[Span], probabilities: Sequence[Mapping[str, float]]) -> list[str]:
    """The languages that are not out of the question for all of an utterance.

    Args:
        probabilities: of the languages in each part.
    """
    weights = _weights(spans)
    shares = Counter[str]()
    for weight, likely in zip(weights, probabilities, strict=True):
        shares.update({language: weight * p for language, p in likely.items()})
    return sorted(language for language, share in shares.items() if share >= DOUBT * sum(weights))


def hard_to_tell(span: Span, likely: Mapping[str, float]) -> bool:
    """Whether what is written in each language is to tell the one that is spoken in a part: its sound does not."""
    sound_s = span.sound / SAMPLE_RATE_HZ
    return sound_s >= _WORDLESS_S and (sound_s < _SHORT_S or max(likely.values(), default=1.0) < 1 - DOUBT)


def weighed(likely: Mapping[str, float], written: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Probabilities of languages by what is written in each of them: p(language) p(text | language), as shares.

    To write nothing is no sign of a language where another one writes something.

    Args:
        likely: probabilities by sound.
        written: the natural logarithms of the probabilities of a text's tokens and of its end; of that alone where
            nothing is written.
    """
    something = any(len(tokens) > 1 for tokens in written.values())
    scores = {
        language: max(_LEAST, likely.get(language, 0.0))
        * (_LEAST if something and len(tokens) < 2 else math.exp(sum(tokens)))
        for language, tokens in written.items()
    }
    total = sum(scores.values())
    return {language: score / total for language, score in scores.items()} if total else dict(likely)


def turns(spans: Sequence[Span], probabilities: Sequence[Mapping[str, float]], cost: float) -> list[int]:
    """Where another language begins, in samples: the cheapest path through the languages of parts (Viterbi).

    Only languages that are not out of the question for all of it count.

    Args:
        probabilities: of the languages in each part.
        cost: what a turn must gain.
    """
    weights, languages = _weights(spans), in_play(spans, probabilities)
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


def _weights(spans: Sequence[Span]) -> list[float]:
    return [min(_MOST_S, span.sound / SAMPLE_RATE_HZ) for span in spans]
