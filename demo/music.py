"""The demo station's music: jingles, stings and beds made of simple tones. Pure; random generators are passed in."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

#: Sample rate of the audio returned by this module, and of the station's stream.
RATE_HZ = 44_100

#: Stereo audio, one row per sample, full scale ±1.
Stereo = NDArray[np.float32]

#: The jingle of each language: semitones above the root, one per note. Swedish rises, English falls.
_JINGLES = {"sv": (0, 4, 7, 12, 16, 12), "en": (19, 16, 12, 7, 4, 0)}
_CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14), (2, 5, 9), (4, 7, 11))
_CHORD_S = 2.4


def jingle(language: str, rng: random.Random) -> Stereo:
    """About three seconds that announce a programme in `language`."""
    step_s, ring_s = rng.uniform(0.22, 0.3), 1.4
    notes = _JINGLES[language]
    out = _silence(step_s * len(notes) + ring_s)
    root_hz = 220 * 2 ** (rng.randint(-2, 4) / 12)
    for place, semitones in enumerate(notes):
        hz = root_hz * 2 ** (semitones / 12)
        _add(out, _tone(hz, ring_s, decay_s=0.45), place * step_s, pan=rng.uniform(-0.4, 0.4))
    for semitones in (0, 7, 12):
        hz = root_hz * 2 ** (semitones / 12)
        _add(out, _tone(hz, ring_s, decay_s=0.6), (len(notes) - 1) * step_s, pan=0.0)
    return _faded(out, 0.005, 0.3)


def sting(rng: random.Random) -> Stereo:
    """About a second between two stories."""
    out = _silence(1.2)
    root_hz = 330 * 2 ** (rng.randint(-4, 4) / 12)
    for place, semitones in enumerate(rng.choice(((0, 7), (0, 5, 12), (12, 7), (0, 4, 7)))):
        _add(out, _tone(root_hz * 2 ** (semitones / 12), 0.9, decay_s=0.3), place * 0.14, pan=0.0)
    return _faded(out, 0.005, 0.2)


def bed(duration_s: float, rng: random.Random) -> Stereo:
    """Chords with a plucked figure, as played under a headline or alone between two parts."""
    out = _silence(duration_s)
    root_hz = 110 * 2 ** (rng.randint(-3, 5) / 12)
    chords = rng.sample(_CHORDS, 4)
    for number in range(int(duration_s / _CHORD_S) + 1):
        at_s, chord = number * _CHORD_S, chords[number % len(chords)]
        for semitones in (chord[0] - 12, *chord):
            hz = root_hz * 2 ** (semitones / 12)
            _add(out, 0.5 * _tone(hz, _CHORD_S + 0.6, decay_s=2.0, attack_s=0.15), at_s, pan=rng.uniform(-0.5, 0.5))
        for beat in range(6):
            hz = 2 * root_hz * 2 ** (chord[beat % 3] / 12)
            _add(out, 0.4 * _tone(hz, 0.5, decay_s=0.18), at_s + beat * _CHORD_S / 6, pan=0.3)
    return _faded(out, 0.6, 1.0)


def at_level(audio: Stereo, dbfs: float) -> Stereo:
    """Scale audio to an RMS of `dbfs`, keeping peaks below full scale."""
    rms = float(np.sqrt(np.mean(np.square(audio)))) or 1.0
    out = audio * np.float32(10 ** (dbfs / 20) / rms)
    peak = float(np.abs(out).max(initial=0.0))
    return out if peak < 0.9 else np.asarray(out * np.float32(0.9 / peak), np.float32)


def _silence(duration_s: float) -> Stereo:
    return np.zeros((round(duration_s * RATE_HZ), 2), np.float32)


def _tone(hz: float, duration_s: float, decay_s: float, attack_s: float = 0.005) -> NDArray[np.float32]:
    t = np.arange(round(duration_s * RATE_HZ), dtype=np.float32) / RATE_HZ
    envelope = np.minimum(t / attack_s, 1) * np.exp(-t / decay_s) * np.minimum((duration_s - t) / 0.05, 1)
    wave = sum(np.sin(2 * np.pi * hz * n * t) / n**1.6 for n in (1, 2, 3))
    return np.asarray(envelope * wave, np.float32)


def _add(out: Stereo, tone: NDArray[np.float32], at_s: float, pan: float) -> None:
    """Mix `tone` into `out` at `at_s`, cut off at the end of `out`. `pan` is -1 (left) to 1 (right)."""
    start = round(at_s * RATE_HZ)
    part = tone[: max(0, len(out) - start)]
    out[start : start + len(part), 0] += part * np.float32(1 - max(pan, 0))
    out[start : start + len(part), 1] += part * np.float32(1 + min(pan, 0))


def _faded(audio: Stereo, in_s: float, out_s: float) -> Stereo:
    rise = np.linspace(0, 1, min(len(audio), round(in_s * RATE_HZ)), dtype=np.float32)
    fall = np.linspace(1, 0, min(len(audio), round(out_s * RATE_HZ)), dtype=np.float32)
    audio[: len(rise)] *= rise[:, None]
    audio[len(audio) - len(fall) :] *= fall[:, None]
    return audio
