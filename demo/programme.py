"""The content of the demo station: an endless sequence of programmes of a few minutes, alternating Swedish and English.

A programme starts with a jingle specific to its language, followed by stories: a few sentences by one reader, some over
a music bed, separated by a sting, a pause or some music. All sentences are held out: no bundled model was trained on
them. Pure: the same seed gives the same programmes; no clock, no I/O.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from demo import music
from demo.bulletins import LANGUAGES, Language, bulletin
from demo.music import RATE_HZ, Stereo
from demo.voices import SAMPLE_RATE, Speech, Voice, Word, speak, voice_names

#: Loudness of speech, as on the radio: RMS of the non-silent part, relative to full scale.
SPEECH_DBFS = -20.0
#: Loudness of jingles, stings and music between stories.
MUSIC_DBFS = -22.0
#: How far a bed is below the speech.
BED_BELOW_DB = (20.0, 24.0)
#: Share of stories that have a bed.
BED_SHARE = 0.3

#: The readers: the clearest of the held-out voices, at a newsreader's pace.
READERS = ("f2", "m3", "michel", "edward")
PITCH, RATE_WPM = (35, 60), (140, 175)

#: Sentences per programme: two to three minutes.
SENTENCES = (30, 40)
STORY_SENTENCES = (3, 6)
SENTENCE_PAUSE_S = (0.35, 0.9)
STORY_PAUSE_S = (0.5, 1.1)
#: Music at the end of a programme: longer than a chunk, so that the page shows it.
CLOSING_S = (9.0, 13.0)

_NAMES: dict[Language, tuple[str, ...]] = {
    "sv": ("Nyhetstimmen", "Dagens läge", "Runt om i landet", "Nyheter i korthet"),
    "en": ("The Daily Bulletin", "Around the Country", "News in Short", "The Evening Report"),
}


@dataclass(frozen=True)
class Spoken:
    """One sentence on air. Times are in seconds from the start of the item, and later of the stream."""

    text: str
    language: Language
    programme: str
    voice: str
    start_s: float
    end_s: float
    words: tuple[Word, ...]

    def later(self, by_s: float) -> Spoken:
        """The same sentence, `by_s` seconds later."""
        words = tuple(word.later(by_s) for word in self.words)
        return Spoken(
            self.text, self.language, self.programme, self.voice, self.start_s + by_s, self.end_s + by_s, words
        )


@dataclass(frozen=True)
class Item:
    """A piece of a programme: a jingle, a story or some music."""

    title: str
    audio: NDArray[np.int16]  # (samples, 2) at RATE_HZ
    spoken: tuple[Spoken, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length of the audio."""
        return len(self.audio) / RATE_HZ


def endless(seed: int) -> Iterator[Item]:
    """Programme after programme, in alternating languages."""
    first = random.Random(f"station-{seed}").randrange(len(LANGUAGES))
    number = 0
    while True:
        language = LANGUAGES[(first + number) % len(LANGUAGES)]
        yield from programme(language, random.Random(f"station-{seed}-{number}"))
        number += 1


def programme(language: Language, rng: random.Random) -> Iterator[Item]:
    """The items of one programme."""
    title = rng.choice(_NAMES[language])
    readers = [_reader(language, rng) for _ in range(2)]
    yield _item(title, _then_silence(music.at_level(music.jingle(language, rng), MUSIC_DBFS), 0.2))
    drawn = bulletin(language, rng, "held-out", rng.randint(*SENTENCES))
    texts = list(dict.fromkeys(drawn))  # a sentence twice within a minute would look like a fault of the captions
    story = 0
    while texts:
        count = rng.randint(*STORY_SENTENCES)
        sentences, texts = texts[:count], texts[count:]
        yield _story(title, sentences, readers[story % len(readers)], rng)
        story += 1
        if texts:
            yield _item(title, _between(rng))
    yield _item(title, _then_silence(music.at_level(music.bed(rng.uniform(*CLOSING_S), rng), MUSIC_DBFS), 0.1))


def _reader(language: Language, rng: random.Random) -> Voice:
    names = [name for name in voice_names(language, "held-out") if name.rpartition("+")[2] in READERS]
    return Voice(rng.choice(names), language, rng.randint(*PITCH), rng.randint(*RATE_WPM))


def _story(title: str, texts: list[str], reader: Voice, rng: random.Random) -> Item:
    """Sentences, each followed by a pause, perhaps over a bed."""
    with_bed = rng.random() < BED_SHARE
    at_s = rng.uniform(0.5, 1.0) if with_bed else 0.1
    parts, spoken = [np.zeros(round(at_s * RATE_HZ), np.float32)], []
    samples = len(parts[0])
    for text in texts:
        speech = speak(text, reader)
        voice = _on_air(speech)
        sentence = Spoken(text, reader.language, title, reader.name, 0.0, speech.duration_s, speech.words)
        spoken.append(sentence.later(samples / RATE_HZ))
        pause = np.zeros(round(rng.uniform(*SENTENCE_PAUSE_S) * RATE_HZ), np.float32)
        parts += [voice, pause]
        samples += len(voice) + len(pause)
    audio = np.repeat(np.concatenate(parts)[:, None], 2, axis=1)
    if with_bed:
        level = SPEECH_DBFS - rng.uniform(*BED_BELOW_DB)
        bed = music.at_level(music.bed(samples / RATE_HZ, rng), level)
        audio[: len(bed)] += bed[: len(audio)]
    return Item(title, _to_int16(audio), tuple(spoken))


def _between(rng: random.Random) -> Stereo:
    """The transition between two stories: usually a pause, often a sting, sometimes a few seconds of music."""
    pause_s = rng.uniform(*STORY_PAUSE_S)
    choice = rng.random()
    if choice < 0.7:
        return np.zeros((round(pause_s * RATE_HZ), 2), np.float32)
    transition = music.sting(rng) if choice < 0.9 else music.bed(rng.uniform(4, 7), rng)
    return _then_silence(music.at_level(transition, MUSIC_DBFS), 0.3)


def _on_air(speech: Speech) -> NDArray[np.float32]:
    """Speech at the stream's sample rate and the station's loudness."""
    audio = soxr.resample(speech.audio.astype(np.float32) / 32768, SAMPLE_RATE, RATE_HZ)
    sound = np.abs(audio) > 0.01 * float(np.abs(audio).max())
    rms = float(np.sqrt(np.mean(np.square(audio[sound]))))
    levelled = audio * np.float32(10 ** (SPEECH_DBFS / 20) / rms)
    # A soft limiter, as in every transmitter: it compresses peaks instead of clipping them.
    return np.asarray(np.tanh(levelled), np.float32)


def _item(title: str, audio: Stereo) -> Item:
    return Item(title, _to_int16(audio))


def _then_silence(audio: Stereo, duration_s: float) -> Stereo:
    return np.concatenate([audio, np.zeros((round(duration_s * RATE_HZ), 2), np.float32)])


def _to_int16(audio: Stereo) -> NDArray[np.int16]:
    return np.asarray(np.clip(audio, -1, 1) * 32767, np.int16)
