"""The effects: functions of audio, a strength, the sounds of a folder, and a random generator.

audiomentations (0.43) is the best-maintained collection of such effects, but it requires soxr < 1, draws from global
random generators, and depends on numba and scikit-learn. Its time stretching, python-stretch, is used here directly,
and the codecs are libsndfile's.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from python_stretch.Signalsmith import Stretch

from trainer.augmentation import noises
from trainer.augmentation.loudness import active_rms, at_level, at_snr
from trainer.augmentation.sounds import Sounds
from trainer.examples import SAMPLE_RATE

Audio = NDArray[np.float32]
Rng = np.random.Generator

#: The delay of LAME and its decoder if the file has no header for it (576 + 529 samples; LAME's FAQ).
_MP3_DELAY_SAMPLES = 1105
#: Bit rates of libsndfile's encoders at 16 kHz, in kbit/s, at its compression levels 0 and 1.
_MP3_KBPS, _OPUS_KBPS = (160.0, 8.0), (256.0, 6.0)


def speed(audio: Audio, factor: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Play faster or slower, like a tape, with the pitch. [round(n / factor)]"""
    played = soxr.resample(audio, SAMPLE_RATE * factor, SAMPLE_RATE)
    return _fitted(played, round(len(audio) / factor))


def tempo(audio: Audio, factor: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Change the tempo at the same pitch. [round(n / factor)]"""
    stretch = _stretch(rng)
    stretch.setTimeFactor(factor)
    return _fitted(np.asarray(stretch.process(audio[None]), np.float32)[0], round(len(audio) / factor))


def pitch(audio: Audio, semitones: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Change the pitch at the same tempo."""
    stretch = _stretch(rng)
    stretch.setTransposeSemitones(semitones)
    return _fitted(np.asarray(stretch.process(audio[None]), np.float32)[0], len(audio))


def noise(audio: Audio, snr_db: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Add noise from a folder, or synthesized, at a signal-to-noise ratio."""
    kind = noises.NOISES[int(rng.integers(0, len(noises.NOISES)))]
    return at_snr(audio, _piece(kind, len(audio), sounds, rng), snr_db)


def music(audio: Audio, snr_db: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Add music from a folder, or synthesized from simple tones, at a signal-to-noise ratio."""
    return at_snr(audio, _piece(noises.MUSIC, len(audio), sounds, rng), snr_db)


def room(audio: Audio, decay_s: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Add reverberation: an impulse response from a folder, or noise that decays by 60 dB in `decay_s`.

    The direct sound is not delayed, so that words keep their times.
    """
    impulse = sounds.any(rng) if sounds else _decay(decay_s, rng)
    impulse = impulse[int(np.argmax(np.abs(impulse))) :]
    size = 1 << (len(audio) + len(impulse) - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(impulse, size), size)[: len(audio)]
    return at_level(wet.astype(np.float32), active_rms(audio))


def telephone(audio: Audio, strength: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Simulate a telephone line: 300 to 3400 Hz, 8 kHz, µ-law (ITU-T G.711)."""
    line = soxr.resample(_band(audio, 300.0, 3400.0), SAMPLE_RATE, 8000)
    peak = float(np.abs(line).max(initial=0.0))
    if peak <= 0:
        return audio
    steps = np.rint(127 * np.sign(line) * np.log1p(255 * np.abs(line) / peak) / np.log(256)) / 127
    line = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255 * peak
    return _fitted(soxr.resample(line.astype(np.float32), 8000, SAMPLE_RATE), len(audio))


def band(audio: Audio, high_hz: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Remove high frequencies, as a medium-wave transmitter, a low bit rate or a cheap microphone does."""
    return _band(audio, 0.0, high_hz)


def mp3(audio: Audio, kbps: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Encode as MP3 and decode."""
    coded = _coded(audio, "MP3", "MPEG_LAYER_III", _level(kbps, _MP3_KBPS), bitrate_mode="CONSTANT")
    # At low rates there is no room for the header with the delay, and the decoder does not remove it.
    return _fitted(coded[_MP3_DELAY_SAMPLES:] if len(coded) >= len(audio) + _MP3_DELAY_SAMPLES else coded, len(audio))


def opus(audio: Audio, kbps: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Encode as Opus and decode."""
    return _fitted(_coded(audio, "OGG", "OPUS", _level(kbps, _OPUS_KBPS)), len(audio))


def gain(audio: Audio, gain_db: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Change the level."""
    return audio * np.float32(10 ** (gain_db / 20))


def overdrive(audio: Audio, over_db: float, sounds: Sounds | None, rng: Rng) -> Audio:
    """Clip the peaks within `over_db` of the highest, as an overdriven amplifier does."""
    peak = float(np.abs(audio).max(initial=0.0)) * 10 ** (-over_db / 20)
    return np.clip(audio, -peak, peak) * np.float32(10 ** (over_db / 20))


def _piece(kind: str, samples: int, sounds: Sounds | None, rng: Rng) -> Audio:
    return sounds.piece(samples, rng) if sounds else noises.noise(kind, samples, rng)


def _stretch(rng: Rng) -> Stretch:
    stretch = Stretch(int(rng.integers(0, 1 << 31)))
    stretch.preset(1, SAMPLE_RATE)
    return stretch


def _decay(decay_s: float, rng: Rng) -> Audio:
    """Return an impulse, followed after 5 ms by noise that decays by 60 dB in `decay_s` and is 0 to 12 dB quieter."""
    samples = round(decay_s * SAMPLE_RATE)
    tail = rng.standard_normal(samples) * 10 ** (-3 * np.arange(samples) / samples)
    tail[: SAMPLE_RATE // 200] = 0
    energy = float(np.sqrt(np.sum(tail**2))) or 1.0
    tail *= 10 ** (-rng.uniform(0, 12) / 20) / energy
    return np.concatenate([[1.0], tail]).astype(np.float32)


def _band(audio: Audio, low_hz: float, high_hz: float) -> Audio:
    """Apply a band-pass filter with the slopes of a Butterworth filter of order 8 and without delay."""
    size = 1 << max(1, len(audio) - 1).bit_length()
    frequency_hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    keep = 1 / np.sqrt(1 + (frequency_hz / high_hz) ** 16)
    if low_hz > 0:
        keep /= np.sqrt(1 + (low_hz / np.maximum(frequency_hz, 1e-3)) ** 16)
    return np.fft.irfft(np.fft.rfft(audio, size) * keep, size)[: len(audio)].astype(np.float32)


def _coded(audio: Audio, container: str, codec: str, level: float, **options: str) -> Audio:
    with io.BytesIO() as file:
        with soundfile.SoundFile(
            file, "w", SAMPLE_RATE, 1, codec, format=container, compression_level=level, **options
        ) as out:
            out.write(np.clip(audio, -1, 1))
        file.seek(0)
        samples, _ = soundfile.read(file, dtype="float32")
    return np.asarray(samples, np.float32)


def _level(kbps: float, rates: tuple[float, float]) -> float:
    """Return libsndfile's compression level, 0…1, for a bit rate."""
    highest, lowest = rates
    return float(np.clip((highest - kbps) / (highest - lowest), 0.0, 0.999))


def _fitted(audio: NDArray[np.floating], samples: int) -> Audio:
    """Pad or cut audio to a number of samples: a resampler may be off by one."""
    fitted = np.zeros(samples, np.float32)
    fitted[: min(samples, len(audio))] = audio[:samples]
    return fitted
