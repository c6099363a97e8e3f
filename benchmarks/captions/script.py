"""A long script and a simulated perfect recogniser, to measure errors of the seam alone, without those of a model.

The script consists of bulletins' texts at made-up times; its audio is noise wherever there is a word. The recogniser
returns every word that is entirely in a window, guesses words cut by the window as models do, and adds small errors to
all times. So 10,000 borders take only seconds.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.captions.programme import Programme, SpokenWord, spoken
from demo.bulletins import LANGUAGES, Language, sentence
from transcriber.engine import Hypothesis, Recognition
from transcriber.orthography import join_words
from wire.audio import SAMPLE_RATE_HZ, samples
from wire.chunk import Chunk
from wire.messages import Word

#: Duration of one source, in seconds, and the minimum number of its 5 s borders with speech on both sides.
SOURCE_S, FEWEST_BORDERS = 300.0, 56
#: Pauses between words and between sentences, in seconds.
WORD_PAUSE_S, SENTENCE_PAUSE_S = (0.0, 0.05), (0.02, 1.0)
#: Duration of a letter, and additional duration of a word, in seconds.
LETTER_S, WORD_S = 0.055, 0.08
#: Time errors are normally distributed, most with a small and some with a large deviation, in seconds; and the share of
#: the large ones. Together they match the bundled model: half of all errors are less than 0.04 s, one in twenty is more
#: than 0.19 s, one in a hundred more than 0.32 s.
SURE_S, UNSURE_S, UNSURE_SHARE = 0.055, 0.2, 0.2
#: A word may extend beyond a window by this much and still count as complete, because its edges are faint.
TOLERANCE_S = 0.06
#: Peak of the noise with speech, and without.
_LOUD, _FAINT = 6_000, 30


def sources(borders: int, seed: int = 1) -> Iterator[Programme]:
    """Scripts of SOURCE_S each, with at least `borders` borders in total."""
    rng = random.Random(f"script-{seed}")
    hiss = np.random.default_rng(seed).uniform(-1, 1, samples(SOURCE_S) + SAMPLE_RATE_HZ)
    for number in range(-(-borders // FEWEST_BORDERS)):
        yield _source(f"script-{number}", rng.choice(LANGUAGES), hiss, rng)


def perfect(programme: Programme, seed: int, chunks: Sequence[Chunk]) -> list[list[Recognition]]:
    """Simulate a perfect recogniser on chunks of a script, whose language does not change."""
    rng = random.Random(f"{programme.name}-{seed}")
    starts = [word.start_s for word in programme.words]
    results = []
    for chunk in chunks:
        begin_s, end_s = chunk.start_s - chunk.lead_s, chunk.end_s
        first = max(0, bisect_left(starts, begin_s) - 1)
        last = bisect_left(starts, end_s)
        words: list[Word] = []
        for word in programme.words[first:last]:
            for written, confidence in _written(word, begin_s, end_s, rng):
                words.append(_placed(written, confidence, word, words[-1].start_s if words else begin_s, end_s, rng))
        language = programme.words[0].language
        text = join_words((word.text for word in words), language)
        whole = Hypothesis(tuple(words), text, language, mean_log_probability=-0.1, tokens=len(words))
        results.append([Recognition({language: whole})])
    return results


def _source(
    name: str, language: Language, hiss: np.ndarray[tuple[int], np.dtype[np.float64]], rng: random.Random
) -> Programme:
    loud = np.full(samples(SOURCE_S), _FAINT, np.float64)
    words, at_s, number = [], 0.3, 0
    while True:
        placed = []
        for text in sentence(language, rng, "held-out").split():
            end_s = at_s + (WORD_S + LETTER_S * len(text)) * rng.uniform(0.8, 1.3)
            placed.append(Word(text, at_s, end_s))
            at_s = end_s + rng.uniform(*WORD_PAUSE_S)
        if at_s > SOURCE_S:
            break
        for word in placed:
            loud[samples(word.start_s) : samples(word.end_s)] = _LOUD
        words += spoken(placed, language, "script", number)
        at_s, number = at_s + rng.uniform(*SENTENCE_PAUSE_S), number + 1
    start = rng.randrange(SAMPLE_RATE_HZ)
    return Programme(name, language, np.asarray(loud * hiss[start : start + len(loud)], np.int16), tuple(words))


def _written(word: SpokenWord, begin_s: float, until_s: float, rng: random.Random) -> Iterator[tuple[str, float]]:
    """The recognised text of a word, and its confidence: the word itself if it is complete, else a guess or nothing."""
    if word.start_s >= begin_s - TOLERANCE_S and word.end_s <= until_s + TOLERANCE_S:
        yield word.text, rng.uniform(0.8, 1.0)
        return
    inside = (min(word.end_s, until_s) - max(word.start_s, begin_s)) / (word.end_s - word.start_s)
    chance = rng.random()
    if chance < inside - 0.4:
        yield word.text, rng.uniform(0.4, 0.9)
    elif chance < 0.6 and inside > 0.2:
        letters = max(1, round(inside * len(word.text)))
        yield word.text[-letters:] if word.start_s < begin_s else word.text[:letters], rng.uniform(0.2, 0.7)


def _placed(
    text: str, confidence: float, word: SpokenWord, earliest_s: float, until_s: float, rng: random.Random
) -> Word:
    """The word at approximately its time, within the window, and not before the previous word."""
    start_s = min(max(word.start_s + _jitter(rng), earliest_s), until_s)
    end_s = min(max(word.end_s + _jitter(rng), start_s + 0.02), until_s)
    return Word(text, round(start_s, 3), round(max(start_s, end_s), 3), round(confidence, 3))


def _jitter(rng: random.Random) -> float:
    return rng.gauss(0, UNSURE_S if rng.random() < UNSURE_SHARE else SURE_S)
