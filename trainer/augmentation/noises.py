"""Synthesized noises and music, for use without recordings."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.examples import SAMPLE_RATE

Audio = NDArray[np.float32]
Sample = TypeVar("Sample", np.float32, np.int16)
#: Synthesizes a minute of sound, [BANK_SAMPLES].
Maker = Callable[[np.random.Generator], NDArray[np.float64]]

#: Length of the bank from which pieces of a kind of noise are cut.
BANK_SAMPLES = 60 * SAMPLE_RATE
NOISES = ("white", "pink", "brown", "hum")
MUSIC = "music"

_BANK_SEED = 20_261


def noise(kind: str, samples: int, rng: np.random.Generator) -> Audio:
    """Return `samples` of a kind of noise, from a random position of its bank, which has RMS 1."""
    return piece(bank(kind), samples, rng)


def piece(of: NDArray[Sample], samples: int, rng: np.random.Generator) -> NDArray[Sample]:
    """Return `samples` from a random position; shorter audio is repeated."""
    if len(of) <= samples:
        return np.resize(of, samples)
    start = int(rng.integers(0, len(of) - samples))
    return of[start : start + samples]


@cache
def bank(kind: str) -> Audio:
    """Return a minute of a kind of noise at RMS 1; deterministic."""
    return filled(kind, _MAKERS[kind])


def filled(kind: str, make: Maker) -> Audio:
    """Return a bank from a maker, seeded by its name."""
    made = make(np.random.default_rng([_BANK_SEED, *kind.encode()]))
    return np.asarray(made / np.sqrt(np.mean(made**2)), np.float32)


def _white(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.standard_normal(BANK_SAMPLES)


def _pink(rng: np.random.Generator) -> NDArray[np.float64]:
    return _coloured(rng, 0.5)


def _brown(rng: np.random.Generator) -> NDArray[np.float64]:
    return _coloured(rng, 1.0)


def _coloured(rng: np.random.Generator, exponent: float) -> NDArray[np.float64]:
    """Return noise whose amplitude falls with frequency to the power of `exponent`."""
    spectrum = np.fft.rfft(rng.standard_normal(BANK_SAMPLES))
    frequency_hz = np.fft.rfftfreq(BANK_SAMPLES, 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum / np.maximum(frequency_hz, 20.0) ** exponent, BANK_SAMPLES)


def _hum(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return mains hum: 50 Hz and its harmonics, with a little hiss."""
    t = np.arange(BANK_SAMPLES) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * n * t + rng.uniform(0, 6)) / n for n in range(1, 9))
    return np.asarray(hum + 0.05 * rng.standard_normal(BANK_SAMPLES))


def _music(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return chords and arpeggios of simple tones, 0.4 to 2 s each."""
    out = np.zeros(BANK_SAMPLES)
    position = 0
    while position < BANK_SAMPLES:
        samples = min(int(rng.uniform(0.4, 2.0) * SAMPLE_RATE), BANK_SAMPLES - position)
        t = np.arange(samples) / SAMPLE_RATE
        root_hz = 110 * 2 ** (rng.integers(0, 24) / 12)
        third = 4 if rng.random() < 0.6 else 3
        spread_s = 0.12 if rng.random() < 0.4 else 0.0
        for order, semitones in enumerate((0, third, 7, 12)):
            late_s = order * spread_s
            tone_hz = root_hz * 2 ** (semitones / 12)
            envelope = np.where(t >= late_s, np.exp(-(t - late_s) * rng.uniform(0.5, 4)), 0.0)
            tone = sum(np.sin(2 * np.pi * tone_hz * n * t) / n ** rng.uniform(1.0, 2.0) for n in (1, 2, 3, 4))
            out[position : position + samples] += envelope * tone
        position += samples
    return out


_MAKERS: dict[str, Maker] = {"white": _white, "pink": _pink, "brown": _brown, "hum": _hum, MUSIC: _music}
