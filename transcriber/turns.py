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
from wire.audio import SAMPLE_RATE_HZ, samples

#: A pause lasts for so many samples (300 ms), and is so many decibels below what is louder than nine tenths of the
#: utterance. Where ingest begins a window it looks for the same (`ingest.overlap`).
PAUSE_SAMPLES, _PAUSE_DB = samples(0.3), 10.0
#: Sound is at most so many decibels below that.
_SOUND_DB = 25.0
#: Energy is looked at every so many samples.
STEP = samples(0.01)

#: What a turn must gain to be believed, and to be looked for more closely: the natural logarithm of how much likelier
#: all parts are with it.
TURN_COST, HINT_COST = 2.5, 0.5
#: No part is more certain than this not to be in a language; it counts by its seconds of sound, up to so many: a whole
#: sentence outweighs the turn before it and the one behind it.
_LEAST, _MOST_S = 0.001, 2.0

#: A language is out of the question for an utterance by its share in so many seconds of sound: a sentence at the end of
#: a long one is not.
_SHARED_S = 10.0

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
    level_db = _levels_db(audio, PAUSE_SAMPLES)
    if not len(level_db):
        return [Span(0, len(audio), len(audio))]
    loud_db = np.percentile(level_db, 90)
    cuts: list[int] = []
    for is_quiet, run in itertools.groupby(range(len(level_db)), key=lambda n: bool(level_db[n] < loud_db - _PAUSE_DB)):
        if is_quiet:
            quietest = min(run, key=lambda n: level_db[n])
            # Noise that is about as loud as a pause may be would cut one into slivers.
            if not cuts or (quietest - cuts[-1]) * STEP >= PAUSE_SAMPLES:
                cuts.append(quietest)
            elif level_db[quietest] < level_db[cuts[-1]]:
                cuts[-1] = quietest
    sound = _sounding(audio, loud_db)
    edges = [0, *(cut * STEP + PAUSE_SAMPLES // 2 for cut in cuts), len(audio)]
    return [
        Span(begin, end, int(sound[begin // STEP : end // STEP].sum()) * STEP)
        for begin, end in itertools.pairwise(edges)
    ]


def sounding(audio: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether something sounds in each STEP of an utterance."""
    level_db = _levels_db(audio, PAUSE_SAMPLES)
    return _sounding(audio, np.percentile(level_db, 90) if len(level_db) else 0.0)


def in_play(spans: Sequence[Span], probabilities: Sequence[Mapping[str, float]]) -> list[str]:
    """The languages that are not out of the question for all of an utterance.

    Args:
        probabilities: of the languages in each part.
    """
    weights = _weights(spans)
    shares = Counter[str]()
    for weight, likely in zip(weights, probabilities, strict=True):
        shares.update({language: weight * p for language, p in likely.items()})
    return sorted(language for language, share in shares.items() if share >= DOUBT * min(sum(weights), _SHARED_S))


def wordless(span: Span) -> bool:
    """Whether a part holds too little sound for any word."""
    return span.sound < _WORDLESS_S * SAMPLE_RATE_HZ


def hard_to_tell(span: Span, likely: Mapping[str, float]) -> bool:
    """Whether what is written in each language is to tell the one that is spoken in a part: its sound does not."""
    return span.sound < _SHORT_S * SAMPLE_RATE_HZ or max(likely.values(), default=1.0) < 1 - DOUBT


def weighed(likely: Mapping[str, float], written: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Probabilities of languages by what is written in each of them: p(language) p(text | language), as shares.

    Texts count as if all were as long as the shortest: that one has less is no sign of its language. Nor is that one
    has nothing, where another has something.

    Args:
        likely: probabilities by sound.
        written: the natural logarithms of the probabilities of a text's tokens and of its end; of that alone where
            nothing is written.
    """
    shortest = min((len(tokens) for tokens in written.values() if len(tokens) > 1), default=1)
    scores = {
        language: max(_LEAST, likely.get(language, 0.0))
        * (_LEAST if len(tokens) < min(2, shortest) else math.exp(shortest * sum(tokens) / max(1, len(tokens))))
        for language, tokens in written.items()
    }
    total = sum(scores.values())
    return {language: score / total for language, score in scores.items()} if total else dict(likely)


def spoken(spans: Sequence[Span], probabilities: Sequence[Mapping[str, float]], cost: float) -> list[str]:
    """The language of each part: the cheapest path through the languages of all (Viterbi).

    Only languages that are not out of the question for all of it count.

    Args:
        probabilities: of the languages in each part.
        cost: what a turn must gain.
    """
    weights, languages = _weights(spans), in_play(spans, probabilities)
    if not languages:
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
    return path[::-1]


def turns(spans: Sequence[Span], languages: Sequence[str]) -> list[tuple[int, str]]:
    """Which language begins where, in samples; nothing if all parts are in the same."""
    found = [(0, languages[0])] if languages else []
    for span, language in zip(spans, languages, strict=True):
        if language != found[-1][1]:
            found.append((span.begin, language))
    return found if len(found) > 1 else []


def _weights(spans: Sequence[Span]) -> list[float]:
    return [min(_MOST_S, span.sound / SAMPLE_RATE_HZ) for span in spans]


def _sounding(audio: NDArray[np.float32], loud_db: float) -> NDArray[np.bool_]:
    return np.asarray(_levels_db(audio, STEP) > loud_db - _SOUND_DB)


def _levels_db(audio: NDArray[np.float32], width: int) -> NDArray[np.float64]:
    """Level in decibels over `width` samples from every STEP-th place on; empty for audio that is shorter."""
    sums = np.concatenate(([0.0], np.cumsum(audio.astype(np.float64) ** 2)))
    power: NDArray[np.float64] = (sums[width:] - sums[:-width])[::STEP] / width
    return 10 * np.log10(np.maximum(power, 1e-9))
