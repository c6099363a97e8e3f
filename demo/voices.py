"""Synthetic speakers: espeak-ng from a wheel, with the exact time of every word.

Most callers only need `speak`. espeak-ng reports where each word begins in the audio; a word ends where its sound ends
before the next word begins.
"""

from __future__ import annotations

import ctypes
import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import espeakng_loader
import numpy as np
import soxr
from numpy.typing import NDArray

from demo.bulletins import Language, Split

#: Sample rate of the audio returned by this module.
SAMPLE_RATE = 16_000

#: Audio below this share of a sentence's peak is silence, for finding the ends of words.
SILENCE_SHARE = 0.01

_ACCENTS: dict[Language, tuple[str, ...]] = {
    "sv": ("sv",),
    "en": ("en-us", "en", "en-gb-x-rp", "en-gb-scotland"),
}
#: Voice variants held out from training, to measure generalisation.
_HELD_OUT_VARIANTS = ("f2", "m3", "klatt3", "linda", "steph2", "michel", "edward", "Andrea")
_TRAIN_VARIANTS = (
    "",
    *("f1", "f3", "f4", "f5"),
    *("m1", "m2", "m4", "m5", "m6", "m7", "m8"),
    *("klatt", "klatt2", "klatt4", "klatt5", "klatt6"),
    *("Alicia", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco"),
    *("Mario", "Michael", "Mike", "Reed", "adam", "anika", "antonio", "aunty", "belinda", "benjamin"),
    *("boris", "caleb", "david", "ed", "grandma", "ian", "iven", "iven3", "john", "kaukovalta", "marcelo"),
    *("max", "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby"),
    *("steph", "travis", "victor", "zac"),
)


class SynthesisError(RuntimeError):
    """espeak-ng did not start, does not have the voice, or failed to synthesize."""


@dataclass(frozen=True)
class Voice:
    """One speaker: an espeak-ng voice with its variant, pitch (0-100) and rate (words per minute)."""

    name: str
    language: Language
    pitch: int = 50
    rate_wpm: int = 165


@dataclass(frozen=True)
class Word:
    """A word as written, with punctuation, and its time in seconds from the start of the audio."""

    text: str
    start_s: float
    end_s: float

    def later(self, by_s: float) -> Word:
        """The same word, `by_s` seconds later."""
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s)


@dataclass(frozen=True)
class Speech:
    """Mono int16 audio at SAMPLE_RATE, and its words."""

    audio: NDArray[np.int16]
    words: tuple[Word, ...]

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE


def voice_names(language: Language, split: Split) -> tuple[str, ...]:
    """The espeak-ng voices of a language. The two splits have no variant in common."""
    variants = _HELD_OUT_VARIANTS if split == "held-out" else _TRAIN_VARIANTS
    return tuple(f"{accent}+{variant}" if variant else accent for variant in variants for accent in _ACCENTS[language])


def draw_voice(language: Language, rng: random.Random, split: Split) -> Voice:
    """A random speaker: any voice of the split, with a pitch and rate plausible for a newsreader."""
    return Voice(rng.choice(voice_names(language, split)), language, rng.randint(25, 75), rng.randint(135, 195))


def speak(text: str, voice: Voice) -> Speech:
    """Synthesize one sentence, without silence before or after it.

    Raises SynthesisError if espeak-ng does not have the voice.
    """
    audio, starts, rate = _engine().synthesize(text, voice)
    sound = np.flatnonzero(np.abs(audio.astype(np.int32)) > SILENCE_SHARE * max(1, np.abs(audio).max()))
    if not len(sound):
        raise SynthesisError(f"{voice.name} produced no sound for {text!r}")
    first, last = int(sound[0]), int(sound[-1]) + 1
    words = tuple(_spans(text, starts, sound, last, rate, first))
    resampled = soxr.resample(audio[first:last], rate, SAMPLE_RATE)
    return Speech(resampled, words)


def speak_all(texts: Iterable[str], voice: Voice, rng: random.Random, pause_s: tuple[float, float]) -> Speech:
    """Synthesize sentences, each followed by a pause of random length within `pause_s`."""
    parts: list[NDArray[np.int16]] = []
    words: list[Word] = []
    samples = 0
    for text in texts:
        speech = speak(text, voice)
        words += [word.later(samples / SAMPLE_RATE) for word in speech.words]
        pause = np.zeros(round(rng.uniform(*pause_s) * SAMPLE_RATE), np.int16)
        parts += [speech.audio, pause]
        samples += len(speech.audio) + len(pause)
    return Speech(np.concatenate(parts), tuple(words))


def _spans(
    text: str, starts: dict[int, int], sound: NDArray[np.int64], last: int, rate: int, first: int
) -> Iterable[Word]:
    """Pair each written word with the samples of its sound.

    espeak-ng speaks some pairs of words as one ("of the") and reports one start for them; their time is divided in
    proportion to their letters.
    """
    groups: list[tuple[int, list[str]]] = []
    offset = 0
    for token in text.split():
        offset = text.index(token, offset)
        if offset in starts or not groups:
            groups.append((max(starts.get(offset, first), first), []))
        groups[-1][1].append(token)
        offset += len(token)
    bounds = [*(start for start, _ in groups[1:]), last]
    for (start, tokens), bound in zip(groups, bounds, strict=True):
        end = max(int(sound[max(0, int(np.searchsorted(sound, bound)) - 1)]) + 1, start + 1)
        edges = start + (end - start) * np.cumsum([0, *(len(token) for token in tokens)]) / len("".join(tokens))
        for token, a, b in zip(tokens, edges[:-1], edges[1:], strict=True):
            yield Word(token, float(a - first) / rate, float(b - first) / rate)


# --- espeak-ng's C interface (speak_lib.h) -----------------------------------------------------------------------

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_RATE, _PITCH = 1, 3
_EVENT_TERMINATED, _EVENT_WORD = 0, 1


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Engine:
    """The espeak-ng library of this process. It has global state, so calls are serialised."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate: int = self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self.rate <= 0:
            raise SynthesisError("espeak-ng did not start")
        self._callback = _Callback(self._on_audio)
        self._library.espeak_SetSynthCallback(self._callback)
        self._parts: list[NDArray[np.int16]] = []
        self._starts: dict[int, int] = {}

    def synthesize(self, text: str, voice: Voice) -> tuple[NDArray[np.int16], dict[int, int], int]:
        """Return the audio, {character offset of a word: its first sample}, and the sample rate."""
        encoded = text.encode("utf-8")
        with self._lock:
            self._parts, self._starts = [], {}
            if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
                raise SynthesisError(f"espeak-ng has no voice {voice.name!r}")
            self._library.espeak_SetParameter(_RATE, voice.rate_wpm, 0)
            self._library.espeak_SetParameter(_PITCH, voice.pitch, 0)
            failed = self._library.espeak_Synth(
                encoded, len(encoded) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
            )
            if failed or not self._parts:
                raise SynthesisError(f"espeak-ng failed to synthesize {text!r}")
            return np.concatenate(self._parts), dict(self._starts), self.rate

    def _on_audio(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        index = 0
        while events[index].type != _EVENT_TERMINATED:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._starts.setdefault(event.text_position - 1, event.sample)
            index += 1
        return 0


@cache
def _engine() -> _Engine:
    return _Engine()
