"""Find where in an utterance the language turns, that is, changes. Pure functions.

Whisper decodes a window in one language. If a Swedish sentence ends in it and an English one begins, the text is in one
of them, and speech in the other is omitted or made up. So a window whose language is not given is examined in parts,
from pause to pause, and cut where a change of language explains them better.
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

#: Minimum length of a pause (300 ms), and its level in decibels below the 90th percentile of the utterance's level.
#: Ingest looks for the same pauses to begin a window (`ingest.overlap`).
PAUSE_SAMPLES, _PAUSE_DB = samples(0.3), 10.0
#: Sound is at most this many decibels below that percentile.
_SOUND_DB = 25.0
#: Interval between level measurements, in samples.
STEP = samples(0.01)

#: Minimum gain of a turn to be accepted, and to be examined more closely: the natural logarithm of how much likelier
#: all parts are with it.
TURN_COST, HINT_COST = 2.5, 0.5
#: Minimum probability of a language in a part; and the maximum weight of a part, which counts by its seconds of sound:
#: a whole sentence outweighs the cost of a turn before it and one after it.
_MIN_PROBABILITY, _MAX_WEIGHT_S = 0.001, 2.0

#: Whether a language is a candidate for an utterance depends on its share of this many seconds of sound, so that a
#: sentence at the end of a long utterance is enough.
_SHARE_S = 10.0

#: A part with less sound than the first is too short to detect its language by sound, however sure the model is; one
#: with less than the second has no words. In seconds.
_SHORT_S, _WORDLESS_S = 1.0, 0.15


class Span(NamedTuple):
    """A part of an utterance, in samples."""

    begin: int
    end: int
    sound: int  # number of its samples that are not silent


def split_at_pauses(audio: NDArray[np.float32]) -> list[Span]:
    """Split an utterance in the middles of its pauses; one part if there are none."""
    level_db = _levels_db(audio, PAUSE_SAMPLES)
    if not len(level_db):
        return [Span(0, len(audio), len(audio))]
    loud_db = np.percentile(level_db, 90)
    cuts: list[int] = []
    for is_quiet, run in itertools.groupby(range(len(level_db)), key=lambda n: bool(level_db[n] < loud_db - _PAUSE_DB)):
        if is_quiet:
            quietest = min(run, key=lambda n: level_db[n])
            # Noise at about the level of the threshold would split one pause into several.
            if not cuts or (quietest - cuts[-1]) * STEP >= PAUSE_SAMPLES:
                cuts.append(quietest)
            elif level_db[quietest] < level_db[cuts[-1]]:
                cuts[-1] = quietest
    sound = _is_sounding(audio, loud_db)
    edges = [0, *(cut * STEP + PAUSE_SAMPLES // 2 for cut in cuts), len(audio)]
    return [
        Span(begin, end, int(sound[begin // STEP : end // STEP].sum()) * STEP)
        for begin, end in itertools.pairwise(edges)
    ]


def is_sounding(audio: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether there is sound in each STEP of an utterance."""
    level_db = _levels_db(audio, PAUSE_SAMPLES)
    return _is_sounding(audio, np.percentile(level_db, 90) if len(level_db) else 0.0)


def plausible_languages(spans: Sequence[Span], probabilities: Sequence[Mapping[str, float]]) -> list[str]:
    """The candidate languages of an utterance.

    Args:
        probabilities: of the languages in each part.
    """
    weights = _weights(spans)
    shares = Counter[str]()
    for weight, by_language in zip(weights, probabilities, strict=True):
        shares.update({language: weight * p for language, p in by_language.items()})
    return sorted(language for language, share in shares.items() if share >= DOUBT * min(sum(weights), _SHARE_S))


def is_wordless(span: Span) -> bool:
    """Whether a part has too little sound for a word."""
    return span.sound < _WORDLESS_S * SAMPLE_RATE_HZ


def needs_decoding(span: Span, probabilities: Mapping[str, float]) -> bool:
    """Whether a part must be decoded in each language to detect its own, because its sound is not enough."""
    return span.sound < _SHORT_S * SAMPLE_RATE_HZ or max(probabilities.values(), default=1.0) < 1 - DOUBT


def reweighted(
    probabilities: Mapping[str, float], log_probabilities: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """Language probabilities given the text decoded in each: p(language) p(text | language), normalised.

    Texts are weighted as if all were as long as the shortest, because a shorter text is not a sign of its language. An
    empty text counts as unlikely if another language has one.

    Args:
        probabilities: by sound.
        log_probabilities: of a text's tokens and of its end token; of the end token alone for an empty text.
    """
    shortest = min((len(tokens) for tokens in log_probabilities.values() if len(tokens) > 1), default=1)
    scores = {
        language: max(_MIN_PROBABILITY, probabilities.get(language, 0.0))
        * (
            _MIN_PROBABILITY
            if len(tokens) < min(2, shortest)
            else math.exp(shortest * sum(tokens) / max(1, len(tokens)))
        )
        for language, tokens in log_probabilities.items()
    }
    total = sum(scores.values())
    return {language: score / total for language, score in scores.items()} if total else dict(probabilities)


def likeliest_languages(spans: Sequence[Span], probabilities: Sequence[Mapping[str, float]], cost: float) -> list[str]:
    """The language of each part: the cheapest path through the candidate languages (Viterbi).

    Args:
        probabilities: of the languages in each part.
        cost: of a turn.
    """
    weights, languages = _weights(spans), plausible_languages(spans, probabilities)
    if not languages:
        return []
    costs = dict.fromkeys(languages, 0.0)
    previous_languages: list[dict[str, str]] = []
    for weight, by_language in zip(weights, probabilities, strict=True):
        best = min(languages, key=lambda language: costs[language])
        previous = {language: language if costs[language] <= costs[best] + cost else best for language in languages}
        costs = {
            language: min(costs[language], costs[best] + cost)
            - weight * math.log(max(_MIN_PROBABILITY, by_language.get(language, 0.0)))
            for language in languages
        }
        previous_languages.append(previous)
    path = [min(languages, key=lambda language: costs[language])]
    for previous in reversed(previous_languages[1:]):
        path.append(previous[path[-1]])
    return path[::-1]


def find_turns(spans: Sequence[Span], languages: Sequence[str]) -> list[tuple[int, str]]:
    """Each language and where it begins, in samples; empty if all parts are in the same language."""
    result = [(0, languages[0])] if languages else []
    for span, language in zip(spans, languages, strict=True):
        if language != result[-1][1]:
            result.append((span.begin, language))
    return result if len(result) > 1 else []


def _weights(spans: Sequence[Span]) -> list[float]:
    return [min(_MAX_WEIGHT_S, span.sound / SAMPLE_RATE_HZ) for span in spans]


def _is_sounding(audio: NDArray[np.float32], loud_db: float) -> NDArray[np.bool_]:
    return np.asarray(_levels_db(audio, STEP) > loud_db - _SOUND_DB)


def _levels_db(audio: NDArray[np.float32], width: int) -> NDArray[np.float64]:
    """Level in decibels over `width` samples, every STEP samples; empty if the audio is shorter than `width`."""
    sums = np.concatenate(([0.0], np.cumsum(audio.astype(np.float64) ** 2)))
    power: NDArray[np.float64] = (sums[width:] - sums[:-width])[::STEP] / width
    return 10 * np.log10(np.maximum(power, 1e-9))
