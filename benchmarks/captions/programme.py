"""Reference material: long synthetic programmes with known times of every word.

A programme is a sequence of sections, each by one held-out reader under one condition, with music, noise or silence
between them. It is determined by language, length and seed, except that espeak-ng carries some state from one sentence
to the next: two processes get the same samples only if they make the same programmes in the same order.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import soxr

from benchmarks.alignment import TruthWord, normalised
from demo import music, noise
from demo.bulletins import LANGUAGES, Language, bulletin
from demo.noise import Audio
from demo.voices import SAMPLE_RATE, Voice, draw_voice, speak
from wire.messages import Word

#: Pace of the speech (`dense`: without pauses) or disturbance (noise at an SNR, `bed`: music, `crosstalk`: another
#: voice); one condition per section, in a new random order each round.
CONDITIONS = ("clean", "dense", "pauses", "20 dB", "10 dB", "bed", "crosstalk")
#: Sounds without speech between two sections.
INTERLUDES = ("jingle", "music", "noise", "silence", "sting")

#: Pauses between two sentences, in seconds.
PAUSE_S = (0.2, 1.0)
PACED = {"dense": (0.02, 0.15), "pauses": (1.5, 4.0)}
#: Level of a music bed and of another voice below the speech, in decibels.
BED_DB, CROSSTALK_DB = (12.0, 20.0), (15.0, 20.0)
#: Level of a section's speech, of music alone, and of noise alone, as RMS relative to full scale.
SPEECH_DBFS, MUSIC_DBFS, NOISE_DBFS = (-28.0, -18.0), (-30.0, -18.0), (-60.0, -20.0)

#: espeak-ng's voices of this variant are not reproducible.
UNSTEADY = "f2"

#: Sentences per section: about a minute; fewer in a programme of less than SHORT_MINUTES, to cover all conditions.
SENTENCES, FEW_SENTENCES, SHORT_MINUTES = 12, 4, 12.0

#: Number of successive sentences in one language, and length of the bulletin that they are taken from.
TURNING_SENTENCES, BULLETIN_SENTENCES = (1, 3), 6

#: Minimum distance between two words for a stretch without speech, and its margin to these words, in seconds.
QUIET_S, QUIET_MARGIN_S = 3.0, 0.5


@dataclass(frozen=True)
class SpokenWord(TruthWord):
    """A word of a programme, normalised; times are seconds from the programme's start."""

    condition: str
    sentence: int  # its number in the programme


@dataclass(frozen=True, eq=False)
class Programme:
    """Mono int16 audio at 16 kHz, and its words; the language is None if it changes."""

    name: str
    language: Language | None
    audio: np.ndarray[tuple[int], np.dtype[np.int16]] = field(repr=False)
    words: tuple[SpokenWord, ...] = field(repr=False)

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE

    def quiet(self) -> list[tuple[float, float]]:
        """Stretches without speech: music, noise, silence, long pauses."""
        starts = [*(word.start_s for word in self.words), self.duration_s + QUIET_MARGIN_S]
        ends = [-QUIET_MARGIN_S, *(word.end_s for word in self.words)]
        return [
            (end_s + QUIET_MARGIN_S, start_s - QUIET_MARGIN_S)
            for end_s, start_s in zip(ends, starts, strict=True)
            if start_s - end_s >= QUIET_S
        ]

    def samples_between(self, start_s: float, end_s: float) -> Audio:
        """A stretch as input of an engine, -1…1."""
        samples = self.audio[max(0, round(start_s * SAMPLE_RATE)) : round(end_s * SAMPLE_RATE)]
        return samples.astype(np.float32) / np.float32(32768)


def programme(language: Language, minutes: float, seed: int = 1) -> Programme:
    """At least `minutes` of bulletins under every condition in turn."""
    rng = random.Random(f"captions-{language}-{seed}")
    sentences = SENTENCES if minutes >= SHORT_MINUTES else FEW_SENTENCES
    tape, conditions, interludes = _Tape(), _rounds(CONDITIONS, rng), _rounds(INTERLUDES, rng)
    while tape.duration_s < 60 * minutes:
        condition, voice = next(conditions), _reader(language, rng)
        tape.add(*_section(voice, condition, bulletin(language, rng, "held-out", sentences), rng), language)
        tape.add(_interlude(language, next(interludes), rng))
    return tape.programme(language, language)


def turning(minutes: float, seed: int = 1) -> Programme:
    """At least `minutes` of alternating languages, one to three sentences each, by a new reader each."""
    rng = random.Random(f"captions-turning-{seed}")
    tape, languages = _Tape(), itertools.cycle(LANGUAGES)
    while tape.duration_s < 60 * minutes:
        language = next(languages)
        voice = _reader(language, rng)
        texts, count = bulletin(language, rng, "held-out", BULLETIN_SENTENCES), rng.randint(*TURNING_SENTENCES)
        first = rng.randint(0, len(texts) - count)
        tape.add(*_section(voice, "clean", texts[first : first + count], rng), language)
    return tape.programme("turning", None)


def quiet(minutes: float, seed: int = 1) -> Programme:
    """At least `minutes` without speech."""
    rng = random.Random(f"captions-quiet-{seed}")
    tape, interludes = _Tape(), _rounds(INTERLUDES, rng)
    while tape.duration_s < 60 * minutes:
        tape.add(_interlude(rng.choice(("en", "sv")), next(interludes), rng))
    return tape.programme("quiet", "en")


def spoken(words: Iterable[Word], language: str, condition: str, sentence: int) -> list[SpokenWord]:
    """Normalised words; one that becomes two without its punctuation ("o'clock") has its time twice."""
    return [
        SpokenWord(text, word.start_s, word.end_s, language, counted=True, condition=condition, sentence=sentence)
        for word in words
        for text in normalised(word.text)
    ]


class _Tape:
    """Audio assembled piece by piece, with its words."""

    def __init__(self) -> None:
        self._parts: list[Audio] = []
        self._words: list[SpokenWord] = []
        self._samples = 0
        self._sentences = 0

    @property
    def duration_s(self) -> float:
        return self._samples / SAMPLE_RATE

    def add(self, audio: Audio, sentences: Iterable[tuple[str, list[Word]]] = (), language: str = "") -> None:
        """Append audio; times of its sentences' words are seconds from its start."""
        for condition, words in sentences:
            placed = [Word(w.text, w.start_s + self.duration_s, w.end_s + self.duration_s) for w in words]
            self._words += spoken(placed, language, condition, self._sentences)
            self._sentences += 1
        self._parts.append(audio)
        self._samples += len(audio)

    def programme(self, name: str, language: Language | None) -> Programme:
        """The programme assembled so far."""
        audio = np.concatenate(self._parts)
        samples = np.asarray(np.clip(audio, -1, 1) * 32767, np.int16)
        return Programme(name, language, samples, tuple(self._words))


def _section(
    voice: Voice, condition: str, texts: Sequence[str], rng: random.Random
) -> tuple[Audio, list[tuple[str, list[Word]]]]:
    """Audio of a section at its level, and each sentence's words."""
    parts: list[Audio] = [np.zeros(round(0.3 * SAMPLE_RATE), np.float32)]
    sentences, samples = [], len(parts[0])
    for text in texts:
        speech = speak(text, voice)
        at_s = samples / SAMPLE_RATE
        sentences.append((condition, [Word(w.text, at_s + w.start_s, at_s + w.end_s) for w in speech.words]))
        pause = np.zeros(round(rng.uniform(*PACED.get(condition, PAUSE_S)) * SAMPLE_RATE), np.float32)
        parts += [speech.audio.astype(np.float32) / np.float32(32768), pause]
        samples += len(parts[-2]) + len(pause)
    audio = _disturbed(np.concatenate(parts), voice.language, condition, rng)
    gain = 10 ** (rng.uniform(*SPEECH_DBFS) / 20) / max(noise.active_rms(np.concatenate(parts)), 1e-9)
    return np.asarray(audio * np.float32(gain), np.float32), sentences


def _reader(language: Language, rng: random.Random) -> Voice:
    while True:
        voice = draw_voice(language, rng, "held-out")
        if not voice.name.endswith(f"+{UNSTEADY}"):
            return voice


def _disturbed(audio: Audio, language: Language, condition: str, rng: random.Random) -> Audio:
    if condition == "bed":
        return noise.at_snr(audio, _mono(music.bed(len(audio) / SAMPLE_RATE, rng))[: len(audio)], rng.uniform(*BED_DB))
    if condition == "crosstalk":
        return noise.at_snr(audio, _babble(language, len(audio), rng), rng.uniform(*CROSSTALK_DB))
    if condition.endswith("dB"):
        return noise.at_snr(audio, _noise(len(audio), rng), float(condition.split()[0]))
    return audio


def _babble(language: Language, samples: int, rng: random.Random) -> Audio:
    """Another voice that speaks without a pause."""
    voice, parts, length = _reader(language, rng), [], 0
    while length < samples:
        for text in bulletin(language, rng, "held-out", 4):
            parts.append(speak(text, voice).audio.astype(np.float32) / np.float32(32768))
            length += len(parts[-1])
    return np.concatenate(parts)[:samples]


def _noise(samples: int, rng: random.Random) -> Audio:
    """One kind of noise; if it is long, assembled from pieces of its bank."""
    kind, numbers = rng.choice(noise.KINDS), np.random.default_rng(rng.getrandbits(32))
    longest = noise.BANK_S * SAMPLE_RATE // 2
    return np.concatenate([noise.noise(kind, min(longest, samples - at), numbers) for at in range(0, samples, longest)])


def _interlude(language: Language, kind: str, rng: random.Random) -> Audio:
    """Some seconds without speech."""
    made: dict[str, Callable[[], Audio]] = {
        "jingle": lambda: _at_level(_mono(music.jingle(language, rng)), MUSIC_DBFS, rng),
        "sting": lambda: _at_level(_mono(music.sting(rng)), MUSIC_DBFS, rng),
        "music": lambda: _at_level(_mono(music.bed(rng.uniform(8, 15), rng)), MUSIC_DBFS, rng),
        "noise": lambda: _at_level(_noise(round(rng.uniform(8, 15) * SAMPLE_RATE), rng), NOISE_DBFS, rng),
        "silence": lambda: np.zeros(round(rng.uniform(6, 12) * SAMPLE_RATE), np.float32),
    }
    around = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)
    return np.concatenate([around, made[kind](), around])


def _at_level(audio: Audio, dbfs: tuple[float, float], rng: random.Random) -> Audio:
    gain = 10 ** (rng.uniform(*dbfs) / 20) / max(noise.rms(audio), 1e-9)
    return np.asarray(audio * np.float32(gain), np.float32)


def _mono(stereo: music.Stereo) -> Audio:
    return np.asarray(soxr.resample(stereo.mean(axis=1), music.RATE_HZ, SAMPLE_RATE), np.float32)


def _rounds(kinds: tuple[str, ...], rng: random.Random) -> Iterator[str]:
    """Repeat all kinds endlessly, in a new random order each round."""
    while True:
        yield from rng.sample(kinds, len(kinds))
