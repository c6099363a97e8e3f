"""Adding noise at a signal-to-noise ratio, and estimating it."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.augmentation import snr
from trainer.evaluation.utterances import Utterance, in_noise
from trainer.examples import SAMPLE_RATE


def bursts(seconds: int = 4) -> np.ndarray:
    """Return audio with half a second of tone in each second."""
    time_s = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * 500 * time_s) * (time_s % 1 < 0.5)).astype(np.float32)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_noise_has_the_requested_snr(snr_db: float) -> None:
    clean = bursts()
    noise = snr.in_noise(clean, snr_db, np.random.default_rng(1)) - clean
    speech = clean[: SAMPLE_RATE // 2]
    assert 10 * np.log10(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.5)


def test_the_estimate_follows_the_noise() -> None:
    guesses = [snr.estimate_db(snr.in_noise(bursts(), snr_db, np.random.default_rng(1))) for snr_db in (5, 20, 40)]
    assert guesses == sorted(guesses)
    assert guesses[1] == pytest.approx(20, abs=4)


def test_nothing_is_clipped_and_silence_stays_audible_as_silence() -> None:
    loud = snr.in_noise(np.ones(1000, np.float32), -20, np.random.default_rng(1))
    assert np.abs(loud).max() <= 1
    assert np.abs(snr.in_noise(np.zeros(1000, np.float32), 0, np.random.default_rng(1))).max() < 1e-3
    assert len(snr.in_noise(np.zeros(1, np.float32), 0, np.random.default_rng(1))) == 1


def test_the_noise_of_an_utterance_is_deterministic() -> None:
    audio = bursts()
    two = [Utterance(name, "", "sv", 4.0, lambda: audio) for name in "ab"]
    first, again = in_noise(two, 10, seed=1), in_noise(two, 10, seed=1)
    np.testing.assert_array_equal(first[0].audio(), again[0].audio())
    assert np.abs(first[0].audio() - first[1].audio()).max() > 1e-3
    assert np.abs(first[0].audio() - in_noise(two, 10, seed=2)[0].audio()).max() > 1e-3
