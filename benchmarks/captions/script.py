"""A perfect recogniser and a long script to read to it: what is wrong then is the seam's own doing, not a model's.

The script is made of bulletins' texts at made-up times; its audio is a whisper of noise wherever a word is. The
recogniser writes every word that lies whole in a window, guesses at those that the window cuts as models do, and is a
little off with every time. So 10,000 borders cost seconds.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.captions.programme import Programme, SpokenWord, spoken
from demo.bulletins import LANGUAGES, Language, sentence
from transcriber.engine import Heard, Hypothesis
from transcriber.orthography import joined
from wire.audio import SAMPLE_RATE_HZ, samples
from wire.chunk import Chunk
from wire.messages import Word

#: Length of one source, in seconds, and the fewest of its borders of 5 s that have speech on both sides.
SOURCE_S, FEWEST_BORDERS = 300.0, 56
#: Pauses between words and between sentences, in seconds.
WORD_PAUSE_S, SENTENCE_PAUSE_S = (0.0, 0.05), (0.02, 1.0)
#: A letter takes so long, and a word so long besides, in seconds.
LETTER_S, WORD_S = 0.055, 0.08
#: Times are off by normal deviates, most of them small and some large: deviation in seconds and share. Together they
#: are what was measured on the bundled model: half of all times off by less than 0.04 s, one in twenty by more than
#: 0.19 s, one in a hundred by more than 0.32 s.
SURE_S, UNSURE_S, UNSURE_SHARE = 0.055, 0.2, 0.2
#: A word may stick out of a window by so much and is still whole: its edges are faint.
TOLERANCE_S = 0.06
#: Peaks of the audio's noise where somebody speaks, and where not.
_LOUD, _FAINT = 6_000, 30


def sources(borders: int, seed: int = 1) -> Iterator[Programme]:
    """Scripts of SOURCE_S each, with so many borders or a few more."""
    rng = random.Random(f"script-{seed}")
    hiss = np.random.default_rng(seed).uniform(-1, 1, samples(SOURCE_S) + SAMPLE_RATE_HZ)
    for number in range(-(-borders // FEWEST_BORDERS)):
        yield _source(f"script-{number}", rng.choice(LANGUAGES), hiss, rng)


def perfect(programme: Programme, seed: int, chunks: Sequence[Chunk]) -> list[list[Heard]]:
    """What a perfect recogniser hears in chunks of a script, in which no language turns."""
    rng = random.Random(f"{programme.name}-{seed}")
    starts = [word.start_s for word in programme.words]
    heard = []
    for chunk in chunks:
        begin_s, end_s = chunk.start_s - chunk.lead_s, chunk.end_s
        first = max(0, bisect_left(starts, begin_s) - 1)
        last = bisect_left(starts, end_s)
        words: list[Word] = []
        for word in programme.words[first:last]:
            for written, confidence in _written(word, begin_s, end_s, rng):
                words.append(_placed(written, confidence, word, words[-1].start_s if words else begin_s, end_s, rng))
        language = programme.words[0].language
        text = joined((word.text for word in words), language)
        whole = Hypothesis(tuple(words), text, language, mean_log_probability=-0.1, tokens=len(words))
        heard.append([Heard({language: whole})])
    return heard


def _source(
    name: str, language: Language, hiss: np.ndarray[tuple[int], np.dtype[np.float64]], rng: random.Random
) -> Programme:
    loud = np.full(samples(SOURCE_S), _FAINT, np.float64)
    words, at_s, number = [], 0.3, 0
    while True:
        told = []
        for text in sentence(language, rng, "held-out").split():
            end_s = at_s + (WORD_S + LETTER_S * len(text)) * rng.uniform(0.8, 1.3)
            told.append(Word(text, at_s, end_s))
            at_s = end_s + rng.uniform(*WORD_PAUSE_S)
        if at_s > SOURCE_S:
            break
        for word in told:
            loud[samples(word.start_s) : samples(word.end_s)] = _LOUD
        words += spoken(told, language, "script", number)
        at_s, number = at_s + rng.uniform(*SENTENCE_PAUSE_S), number + 1
    start = rng.randrange(SAMPLE_RATE_HZ)
    return Programme(name, language, np.asarray(loud * hiss[start : start + len(loud)], np.int16), tuple(words))


def _written(word: SpokenWord, begin_s: float, until_s: float, rng: random.Random) -> Iterator[tuple[str, float]]:
    """What is written for a word, and how sure of it: itself if it is whole; else a guess, or nothing."""
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
    """The word at about its time, in the window, and not before the word before it."""
    start_s = min(max(word.start_s + _jitter(rng), earliest_s), until_s)
    end_s = min(max(word.end_s + _jitter(rng), start_s + 0.02), until_s)
    return Word(text, round(start_s, 3), round(max(start_s, end_s), 3), round(confidence, 3))


def _jitter(rng: random.Random) -> float:
    return rng.gauss(0, UNSURE_S if rng.random() < UNSURE_SHARE else SURE_S)
