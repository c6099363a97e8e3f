"""Where the next window begins: between two words, if there is such a place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest.overlap import LONGEST, SHORTEST, overlap_samples
from wire.audio import SAMPLE_RATE_HZ, samples

USUAL = samples(1.0)
CHUNK_S = 5.0


def loud(amplitude: int = 3000) -> NDArray[np.int16]:
    """Five seconds of a steady tone."""
    t = np.arange(samples(CHUNK_S)) / SAMPLE_RATE_HZ
    return np.asarray(amplitude * np.sin(2 * np.pi * 200 * t), "<i2")


@pytest.mark.parametrize("before_end_s", [0.75, 0.9, 1.2, 1.35])
@pytest.mark.parametrize("noise", [0, 200])
def test_the_next_window_begins_in_the_pause(before_end_s: float, noise: int) -> None:
    audio = loud()
    middle = len(audio) - samples(before_end_s)
    audio[middle - samples(0.06) : middle + samples(0.06)] = 0
    audio += np.random.default_rng(1).integers(-noise, noise + 1, len(audio)).astype("<i2")
    assert overlap_samples(audio.tobytes(), USUAL) == pytest.approx(samples(before_end_s), abs=samples(0.05))


def test_of_a_long_pause_the_end_costs_least() -> None:
    audio = loud()
    audio[-samples(1.3) : -samples(0.9)] = 0
    # Half a window of silence stays before what is said next.
    assert overlap_samples(audio.tobytes(), USUAL) == pytest.approx(samples(0.95), abs=samples(0.02))


def test_without_overlap_there_is_none() -> None:
    assert overlap_samples(loud().tobytes(), 0) == 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n_samples=st.integers(0, 60_000),
    usual=st.integers(0, 20_000),
    seed=st.integers(0, 1000),
    amplitude=st.sampled_from([0, 1, 40, 32_767]),
)
def test_the_overlap_keeps_its_bounds(n_samples: int, usual: int, seed: int, amplitude: int) -> None:
    audio = np.random.default_rng(seed).integers(-amplitude, amplitude + 1, n_samples).astype("<i2")
    found = overlap_samples(audio.tobytes(), usual)
    assert 0 <= found <= n_samples
    if n_samples >= round(usual * LONGEST):
        assert round(usual * SHORTEST) <= found <= round(usual * LONGEST)
