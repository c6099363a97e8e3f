"""Where the next window begins: in a pause, between two words, or as far back as saved audio allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest.overlap import LONGEST, SHORTEST, overlap_samples, saved_samples
from wire.audio import SAMPLE_RATE_HZ, samples

USUAL = samples(1.0)
CHUNK_S = 5.0


def loud(amplitude: int = 3000) -> NDArray[np.int16]:
    """Five seconds of a steady tone."""
    t = np.arange(samples(CHUNK_S)) / SAMPLE_RATE_HZ
    return np.asarray(amplitude * np.sin(2 * np.pi * 200 * t), "<i2")


def hushed(audio: NDArray[np.int16], middle_s: float, length_s: float, noise: int = 0) -> NDArray[np.int16]:
    """The audio with a pause around a place before its end, plus noise."""
    middle = len(audio) - samples(middle_s)
    audio[middle - samples(length_s / 2) : middle + samples(length_s / 2)] = 0
    return audio + np.random.default_rng(1).integers(-noise, noise + 1, len(audio)).astype("<i2")


@pytest.mark.parametrize("before_end_s", [0.6, 0.9, 1.35, 1.75])
@pytest.mark.parametrize("noise", [0, 200])
def test_next_window_begins_in_a_pause(before_end_s: float, noise: int) -> None:
    audio = hushed(loud(), before_end_s, 0.32, noise)
    assert overlap_samples(audio.tobytes(), USUAL) == pytest.approx(samples(before_end_s), abs=samples(0.05))


def test_long_pause_is_cut_at_its_end() -> None:
    audio = hushed(loud(), 1.4, 1.0)
    # Half a window of silence is kept before the next speech.
    assert overlap_samples(audio.tobytes(), USUAL) == pytest.approx(samples(1.05), abs=samples(0.02))


@pytest.mark.parametrize("before_end_s", [0.75, 0.95])
def test_without_a_pause_window_begins_between_two_words(before_end_s: float) -> None:
    audio = hushed(loud(), before_end_s, 0.12)
    assert overlap_samples(audio.tobytes(), USUAL) == pytest.approx(samples(before_end_s), abs=samples(0.05))


def test_pause_right_before_the_end_is_not_used() -> None:
    audio = hushed(loud(), 0.2, 0.32)
    assert overlap_samples(audio.tobytes(), USUAL) >= round(USUAL * SHORTEST)


def test_window_without_a_pause_uses_saved_audio() -> None:
    spared, poor = (overlap_samples(loud().tobytes(), USUAL, saved) for saved in (USUAL, -USUAL))
    assert round(2 * USUAL * SHORTEST) <= spared <= 2 * USUAL
    assert round(USUAL * SHORTEST) <= poor <= USUAL


def test_short_lead_begins_at_the_quietest_place() -> None:
    audio = hushed(loud(), 0.22, 0.06)
    assert overlap_samples(audio.tobytes(), samples(0.25)) == pytest.approx(samples(0.22), abs=samples(0.03))


def test_zero_overlap_stays_zero() -> None:
    assert overlap_samples(loud().tobytes(), 0) == 0


@settings(max_examples=60, derandomize=True)
@given(
    n_samples=st.integers(0, 60_000),
    usual=st.integers(0, 20_000),
    saved=st.integers(-40_000, 40_000),
    seed=st.integers(0, 1000),
    amplitude=st.sampled_from([0, 1, 40, 32_767]),
)
def test_overlap_stays_within_bounds(n_samples: int, usual: int, saved: int, seed: int, amplitude: int) -> None:
    audio = np.random.default_rng(seed).integers(-amplitude, amplitude + 1, n_samples).astype("<i2")
    found = overlap_samples(audio.tobytes(), usual, saved)
    assert 0 <= found <= min(n_samples, round(usual * LONGEST))
    if n_samples >= round(usual * LONGEST):
        assert found >= min(samples(0.4), round(usual * SHORTEST))


@given(st.lists(st.sampled_from([0.4, 0.7, 1.0, 1.5, 2.0]), max_size=50))
def test_savings_are_bounded_in_both_directions(repeated: list[float]) -> None:
    saved = 0
    for each in repeated:
        before, saved = saved, saved_samples(saved, USUAL, samples(each))
        assert abs(saved) <= 2 * USUAL
        assert saved == before + USUAL - samples(each) or abs(saved) == 2 * USUAL
