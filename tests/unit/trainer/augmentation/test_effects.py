"""Measurements of each effect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from trainer.augmentation import effects, noises
from trainer.augmentation.loudness import active_rms, at_snr, rms
from trainer.augmentation.sounds import Sounds
from trainer.examples import SAMPLE_RATE
from trainer.training.clip_source import Audio


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(hz: float, seconds: float = 2.0) -> Audio:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


def blips(*at_s: float, seconds: float = 3.0) -> Audio:
    """Return tones of 0.1 s centred at these times."""
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for place_s in at_s:
        blip = tone(600, 0.1) * np.hanning(1600)
        start = round((place_s - 0.05) * SAMPLE_RATE)
        audio[start : start + 1600] += blip.astype(np.float32)
    return audio


def middles_s(audio: Audio, *near_s: float) -> list[float]:
    """Return the centres of energy within 0.2 s of these times."""
    found = []
    for place_s in near_s:
        start, end = round((place_s - 0.2) * SAMPLE_RATE), round((place_s + 0.2) * SAMPLE_RATE)
        power = np.square(audio[start:end], dtype=np.float64)
        found.append((start + float((np.arange(len(power)) * power).sum() / power.sum())) / SAMPLE_RATE)
    return found


def frequency_hz(audio: Audio) -> float:
    middle = audio[len(audio) // 4 : 3 * len(audio) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / (1 << 18)


def power_between(audio: Audio, low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(audio.astype(np.float64))) ** 2
    hz = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    return float(spectrum[(hz >= low_hz) & (hz < high_hz)].sum())


@pytest.mark.parametrize("snr_db", [-5, 0, 5, 10, 20])
@pytest.mark.parametrize("effect", [effects.noise, effects.music])
@pytest.mark.parametrize("recorded", [False, True])
def test_the_snr_is_reached(snr_db: float, effect: object, recorded: bool, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "fan.wav", 0.02 * rng(5).standard_normal(30_000), 22_050)
    sounds = Sounds(tmp_path, tmp_path / "cache") if recorded else None
    clean = tone(440)
    added = effect(clean, snr_db, sounds, rng(1)) - clean  # type: ignore[operator]
    assert 20 * np.log10(rms(clean) / rms(added)) == pytest.approx(snr_db, abs=0.5)


def test_pauses_do_not_make_noise_quieter() -> None:
    half = np.concatenate([tone(440, 1.0), np.zeros(SAMPLE_RATE, np.float32)])
    added = at_snr(half, noises.noise("white", len(half), rng()), 10) - half
    assert 20 * np.log10(rms(tone(440, 1.0)) / rms(added)) == pytest.approx(10, abs=0.5)


@pytest.mark.parametrize("semitones", [-4, -2, -1, 1, 2, 4])
def test_pitch_changes_at_the_same_tempo(semitones: float) -> None:
    shifted = effects.pitch(tone(440), semitones, None, rng())
    assert 12 * np.log2(frequency_hz(shifted) / 440) == pytest.approx(semitones, abs=0.1)
    moved = effects.pitch(blips(0.5, 1.5, 2.5), semitones, None, rng())
    assert len(moved) == 3 * SAMPLE_RATE
    assert middles_s(moved, 0.5, 1.5, 2.5) == pytest.approx([0.5, 1.5, 2.5], abs=0.005)


@pytest.mark.parametrize("factor", [0.85, 0.9, 1.1, 1.15])
def test_speed_changes_pitch_and_tempo_does_not(factor: float) -> None:
    for effect, hz in ((effects.speed, 440 * factor), (effects.tempo, 440)):
        assert frequency_hz(effect(tone(440), factor, None, rng())) == pytest.approx(hz, rel=0.005)
        moved = effect(blips(0.5, 1.5, 2.5), factor, None, rng())
        assert len(moved) == round(3 * SAMPLE_RATE / factor)
        assert middles_s(moved, 0.5 / factor, 1.5 / factor, 2.5 / factor) == pytest.approx(
            [0.5 / factor, 1.5 / factor, 2.5 / factor], abs=0.005
        )


@pytest.mark.parametrize("kbps", [9, 12, 16, 24, 32, 40, 64])
@pytest.mark.parametrize("codec", [effects.mp3, effects.opus])
def test_a_codec_keeps_length_timing_and_voice(codec: object, kbps: float) -> None:
    clean = blips(0.5, 1.5, 2.5)
    coded = codec(clean, kbps, None, rng())  # type: ignore[operator]
    assert len(coded) == len(clean)
    assert middles_s(coded, 0.5, 1.5, 2.5) == pytest.approx([0.5, 1.5, 2.5], abs=0.005)
    assert float(np.corrcoef(clean, coded)[0, 1]) > 0.8


def test_a_lower_rate_loses_more() -> None:
    clean = noises.noise("pink", 3 * SAMPLE_RATE, rng()) * np.float32(0.1)
    for codec in (effects.mp3, effects.opus):
        lost = [rms(codec(clean, kbps, None, rng()) - clean) for kbps in (12, 24, 64)]
        assert lost == sorted(lost, reverse=True)


def test_telephone_and_band_limit_frequencies() -> None:
    hiss = noises.noise("white", 2 * SAMPLE_RATE, rng()) * np.float32(0.1)
    line = effects.telephone(hiss, 1, None, rng())
    assert len(line) == len(hiss)
    assert power_between(line, 500, 3000) > 0.8 * power_between(hiss, 500, 3000)
    assert power_between(line, 4200, 8000) < 1e-3 * power_between(hiss, 4200, 8000)
    narrow = effects.band(hiss, 3000, None, rng())
    assert power_between(narrow, 0, 2500) > 0.9 * power_between(hiss, 0, 2500)
    assert power_between(narrow, 5000, 8000) < 1e-3 * power_between(hiss, 5000, 8000)


def test_a_room_reverberates_and_keeps_level_and_timing(tmp_path: Path) -> None:
    clean = blips(1.0)
    echo = effects.room(clean, 0.5, None, rng())
    after = slice(round(1.1 * SAMPLE_RATE), round(1.3 * SAMPLE_RATE))
    assert rms(clean[after]) < 1e-6 < rms(echo[after])
    assert active_rms(echo) == pytest.approx(active_rms(clean), rel=1e-3)
    # A recorded impulse has silence before the direct sound, which must not delay the words.
    impulse = np.zeros(4000)
    impulse[1000], impulse[1800] = 1.0, 0.3
    soundfile.write(tmp_path / "hall.wav", impulse, SAMPLE_RATE)
    hall = effects.room(clean, 0.5, Sounds(tmp_path, tmp_path / "cache"), rng())
    assert middles_s(hall, 1.0)[0] == pytest.approx(1.0, abs=0.02)


def test_overdrive_cuts_peaks_and_gain_is_in_decibels() -> None:
    clean = tone(440)
    driven = effects.overdrive(clean, 6, None, rng())
    assert np.abs(driven).max() == pytest.approx(np.abs(clean).max(), rel=1e-3)
    assert (np.abs(driven) > 0.999 * np.abs(driven).max()).mean() > 0.5
    assert 20 * np.log10(rms(effects.gain(clean, -6, None, rng())) / rms(clean)) == pytest.approx(-6, abs=0.01)


def test_synthesized_noises_have_their_spectra() -> None:
    slopes = {}
    for kind in ("white", "pink", "brown"):
        audio = noises.bank(kind)
        assert rms(audio) == pytest.approx(1, rel=1e-3)
        slopes[kind] = 10 * np.log10(power_between(audio, 200, 400) / power_between(audio, 1600, 3200))
    # Per octave, the energy of white noise rises by 3 dB, of pink is constant, of brown falls by 3 dB.
    assert slopes == pytest.approx({"white": -9, "pink": 0, "brown": 9}, abs=0.5)
    hum = noises.bank("hum")
    assert power_between(hum, 45, 410) > 0.9 * power_between(hum, 0, 8000)
    assert len(noises.noise("music", 90 * SAMPLE_RATE, rng())) == 90 * SAMPLE_RATE
