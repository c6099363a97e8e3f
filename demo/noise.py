"""Distortions of a radio signal: noise, music beds, hum, narrow bands, loudness and speed.

Each function takes a random generator, so that an example depends only on its index.
"""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import soxr
from numpy.typing import NDArray

from demo import music
from demo.voices import SAMPLE_RATE
from trainer.augmentation import noises

Audio = NDArray[np.float32]

#: Length of the bank from which each kind of noise is cut, in seconds.
BANK_S = noises.BANK_SAMPLES // SAMPLE_RATE
#: Kinds of noise that need no other speech.
KINDS = (*noises.NOISES, noises.MUSIC)
#: The demo station's own music: beds, jingles and stings.
BED = "bed"


def noise(kind: str, samples: int, rng: np.random.Generator) -> Audio:
    """`samples` of a kind of noise, at RMS 1, from a random position in its bank."""
    return noises.piece(_bed() if kind == BED else noises.bank(kind), samples, rng)


def at_snr(speech: Audio, disturbance: Audio, snr_db: float) -> Audio:
    """Add noise so that the non-silent part of `speech` is `snr_db` above it."""
    return speech + disturbance * (active_rms(speech) / max(rms(disturbance), 1e-9)) * 10 ** (-snr_db / 20)


def rms(audio: Audio) -> float:
    return float(np.sqrt(np.mean(np.square(audio)))) if len(audio) else 0.0


def active_rms(audio: Audio) -> float:
    """RMS of the non-silent samples, so that pauses do not lower the level of added noise."""
    active = audio[np.abs(audio) > 1e-3 * max(float(np.abs(audio).max(initial=0.0)), 1e-9)]
    return rms(active)


def narrow(audio: Audio, rng: np.random.Generator) -> Audio:
    """Narrow the band: a telephone line, a medium-wave transmitter, or a low-bitrate codec."""
    kind = rng.integers(0, 3)
    if kind == 0:
        return telephone(audio)
    if kind == 1:
        return band(audio, 100, 4500)
    return band(audio, 0, int(rng.integers(8, 15)) * 500)


def band(audio: Audio, low_hz: float, high_hz: float) -> Audio:
    """Band-pass with the slopes of a Butterworth filter of order 4 and zero delay."""
    frequency_hz = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    gain = 1 / np.sqrt(1 + (frequency_hz / high_hz) ** 8)
    if low_hz > 0:
        gain /= np.sqrt(1 + (low_hz / np.maximum(frequency_hz, 1e-3)) ** 8)
    return np.asarray(np.fft.irfft(np.fft.rfft(audio) * gain, len(audio)), np.float32)


def telephone(audio: Audio) -> Audio:
    """8 kHz and µ-law (ITU-T G.711): nothing at all above 4 kHz, unlike any microphone's frequency response."""
    narrow = band(audio, 200, 3600)
    spectrum = np.fft.rfft(narrow)
    spectrum[len(spectrum) // 2 :] = 0
    wave = np.fft.irfft(spectrum, len(narrow))
    peak = float(np.abs(wave).max(initial=0.0)) or 1.0
    compressed = np.sign(wave) * np.log1p(255 * np.abs(wave) / peak) / np.log(256)
    coarse = np.round(compressed * 127) / 127
    return np.asarray(np.sign(coarse) * np.expm1(np.abs(coarse) * np.log(256)) / 255 * peak, np.float32)


def faster(audio: Audio, samples: int) -> Audio:
    """Change the speed of `audio` so that it lasts `samples`; the pitch changes with it, as with tape."""
    positions = np.linspace(0, len(audio) - 1, samples, dtype=np.float32)
    return np.interp(positions, np.arange(len(audio), dtype=np.float32), audio).astype(np.float32)


@cache
def _bed() -> Audio:
    return noises.filled(BED, _station_music)


def _station_music(rng: np.random.Generator) -> NDArray[np.float64]:
    """Beds, each followed by a jingle or a sting."""
    chance = random.Random(int(rng.integers(0, 1 << 32)))
    parts: list[NDArray[np.float64]] = []
    while sum(map(len, parts)) < noises.BANK_SAMPLES:
        breaks = music.jingle(chance.choice(("sv", "en")), chance), music.sting(chance)
        for piece in (music.bed(chance.uniform(5, 12), chance), chance.choice(breaks)):
            mono = music.at_level(piece, -20.0).mean(axis=1).astype(np.float64)
            parts.append(soxr.resample(mono, music.RATE_HZ, SAMPLE_RATE))
    return np.concatenate(parts)[: noises.BANK_SAMPLES]
