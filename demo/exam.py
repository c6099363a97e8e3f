"""Evaluation sets: sentences and voices that training never saw, at a known signal-to-noise ratio."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from demo import noise
from demo.bulletins import LANGUAGES, Language, bulletin, sentence
from demo.noise import Audio
from demo.voices import SAMPLE_RATE, Speech, Word, draw_voice, speak, speak_all
from trainer.evaluation.scoring import Score
from trainer.examples import Example, TimedWord
from trainer.publishing.model_folder import WerRow

#: Silence before and after a sentence, in seconds.
MARGIN_S = 0.25
#: Sentences longer than this do not fit into the model's context and are drawn again.
LONGEST_SENTENCE_S = 6.4
#: Length of windows cut from continuous speech: that of a station's chunk with its context.
WINDOW_S = 6.0
#: As in training: a word may exceed the window by this much and still count.
TOLERANCE_S = 0.06

#: Signal-to-noise ratios in decibels; None is clean.
SNRS_DB = (None, 20.0, 10.0)
#: The SNR at which the model's word error rate is specified.
PROMISED_SNR_DB = 20.0
#: Number of exams: one per language, set and SNR.
EXAMS = len(LANGUAGES) * 2 * len(SNRS_DB)


def exams(count: int) -> Iterator[tuple[Language, str, float | None, list[Example]]]:
    """Every exam, with `count` examples each: language, set, SNR in dB, examples."""
    for language in LANGUAGES:
        for name, make in (("sentences", sentences), ("windows", windows)):
            for snr_db in SNRS_DB:
                yield language, name, snr_db, make(language, count, snr_db)


def examine(count: int, judge: Callable[[Sequence[Example]], Score]) -> Iterator[WerRow]:
    """Run every exam, scoring with `judge`."""
    for language, name, snr_db, examples in exams(count):
        score = judge(examples)
        errors = score.substitutions, score.deletions, score.insertions
        yield WerRow(language, name, snr_db, score.words, round(score.wer_percent, 2), *errors)


def sentences(language: Language, count: int, snr_db: float | None, seed: int = 7) -> list[Example]:
    """`count` held-out sentences, each spoken by a held-out voice; `snr_db` None is clean."""
    rng = random.Random(f"exam-{language}-{seed}")
    examples: list[Example] = []
    while len(examples) < count:
        speech = speak(sentence(language, rng, "held-out"), draw_voice(language, rng, "held-out"))
        if speech.duration_s <= LONGEST_SENTENCE_S:
            margin = np.zeros(round(MARGIN_S * SAMPLE_RATE), np.int16)
            audio = np.concatenate([margin, speech.audio, margin])
            examples.append(_example(audio, language, [word.later(MARGIN_S) for word in speech.words]))
    return [_with_noise(example, snr_db, order, seed) for order, example in enumerate(examples)]


def windows(language: Language, count: int, snr_db: float | None, seed: int = 7) -> list[Example]:
    """`count` windows cut at random from held-out bulletins by held-out voices; the text is the words wholly inside."""
    rng = random.Random(f"exam-windows-{language}-{seed}")
    examples = []
    for _ in range(count):
        texts = bulletin(language, rng, "held-out", 4)
        speech = speak_all(texts, draw_voice(language, rng, "held-out"), rng, (0.2, 1.0))
        start_s = rng.uniform(0, speech.duration_s - WINDOW_S)
        examples.append(window(speech, language, start_s))
    return [_with_noise(example, snr_db, order, seed) for order, example in enumerate(examples)]


def window(speech: Speech, language: Language, start_s: float) -> Example:
    """WINDOW_S of speech from `start_s`, with the words that are completely inside."""
    first = round(start_s * SAMPLE_RATE)
    audio = speech.audio[first : first + round(WINDOW_S * SAMPLE_RATE)]
    inside = [
        word.later(-start_s)
        for word in speech.words
        if word.start_s >= start_s - TOLERANCE_S and word.end_s <= start_s + WINDOW_S + TOLERANCE_S
    ]
    return _example(audio, language, inside)


def _example(audio: np.ndarray[tuple[int], np.dtype[np.int16]], language: Language, words: list[Word]) -> Example:
    timed = tuple(TimedWord(word.text, max(0.0, word.start_s), word.end_s) for word in words)
    return Example(audio.astype(np.float32) / np.float32(32768), language, timed)


def _with_noise(example: Example, snr_db: float | None, order: int, seed: int) -> Example:
    """Add noise, whose kind alternates with `order`."""
    if snr_db is None:
        return example
    rng = np.random.default_rng([seed, order])
    kind = noise.KINDS[order % len(noise.KINDS)]
    audio: Audio = noise.at_snr(example.audio, noise.noise(kind, len(example.audio), rng), snr_db)
    peak = float(np.abs(audio).max())
    return Example(audio / max(1.0, peak), example.language, example.words)
