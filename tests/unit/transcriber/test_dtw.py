"""Dynamic time warping compared with the textbook algorithm, and word times from synthetic attention."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from transcriber.whisper.dtw import first_frames
from transcriber.whisper.word_times import _MEDIAN_WIDTH, _median, alignment_heads, word_times


def textbook_cost(costs: NDArray[np.float64]) -> float:
    """Cost of the cheapest path, cell by cell (openai/whisper, timing.py)."""
    tokens, frames = costs.shape
    table = np.full((tokens + 1, frames + 1), np.inf)
    table[0, 0] = 0
    for i in range(1, tokens + 1):
        for j in range(1, frames + 1):
            table[i, j] = costs[i - 1, j - 1] + min(table[i - 1, j - 1], table[i - 1, j], table[i, j - 1])
    return float(table[-1, -1])


def path_cost(costs: NDArray[np.float64], first: NDArray[np.int64]) -> float:
    """Cheapest cost of a path whose tokens begin at these frames."""
    ends = [*first[1:], costs.shape[1] - 1]
    total = 0.0
    for token, (start, end) in enumerate(zip(first, ends, strict=True)):
        # A token may share its last frame with the first one of the next token, or not.
        shared = costs[token, start : end + 1].sum()
        apart = costs[token, start:end].sum() if end > start else np.inf
        total += shared if token == len(first) - 1 else min(shared, apart)
    return float(total)


@settings(max_examples=200, derandomize=True)
@given(tokens=st.integers(1, 8), frames=st.integers(1, 20), seed=st.integers(0, 10_000))
def test_the_path_is_the_cheapest(tokens: int, frames: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(tokens, frames))
    first = first_frames(scores)
    assert first[0] == 0
    assert (np.diff(first) >= 0).all()
    assert path_cost(-scores, first) == pytest.approx(textbook_cost(-scores))


def test_a_clear_diagonal_is_followed() -> None:
    scores = np.repeat(np.eye(4), 5, axis=1)
    assert first_frames(scores).tolist() == [0, 5, 10, 15]


SPOKEN = [(0.2, 0.6), (0.6, 1.2), (1.8, 2.4), (2.4, 2.6)]


@pytest.mark.parametrize("heads", [1, 2])
def test_word_times_follow_the_attention_and_leave_pauses_out(heads: int) -> None:
    attention = np.full((heads, 7, 350), 1e-4, dtype=np.float32)
    tokens = [0, 0, 1, 2, 3, 3]  # the word of each token; one more row is the end of text
    for token, word in enumerate(tokens):
        start_s, end_s = SPOKEN[word]
        attention[:, token, round(start_s * 50) : round(end_s * 50)] = 1.0
    times = word_times(attention, 3.0, [(0, 2), (2, 3), (3, 4), (4, 6)])
    for (start_s, end_s), (true_start_s, true_end_s) in zip(times, SPOKEN, strict=True):
        assert start_s == pytest.approx(true_start_s, abs=0.1)
        assert end_s == pytest.approx(true_end_s, abs=0.1)


def test_word_with_attention_in_the_pause_before_it_is_placed_at_the_strongest_attention() -> None:
    attention = np.full((1, 3, 350), 1e-4, dtype=np.float32)
    attention[0, 0, 0:100] = 0.2
    attention[0, 0, 100:125] = 1.0
    attention[0, 1, 125:150] = 1.0
    first, second = word_times(attention, 3.0, [(0, 1), (1, 2)])
    assert first == pytest.approx((1.3, 2.5), abs=0.06)
    assert second == pytest.approx((2.5, 3.0), abs=0.06)


def test_attention_to_padding_is_ignored() -> None:
    attention = np.zeros((1, 3, 350), dtype=np.float32)
    attention[0, 0, 10:20] = 0.1
    attention[0, 1, 40:50] = 0.1
    attention[0, :, 200:] = 1.0
    first, second = word_times(attention, 1.0, [(0, 1), (1, 2)])
    assert first == pytest.approx((0.2, 0.4), abs=0.04)
    assert second == pytest.approx((0.8, 1.0), abs=0.04)


def test_word_times_of_the_shortest_audio() -> None:
    attention = np.full((1, 3, 350), 1 / 350, dtype=np.float32)
    times = word_times(attention, 0.01, [(0, 1), (1, 2)])
    assert len(times) == 2
    for start_s, end_s in times:
        assert 0 <= start_s <= end_s + 0.02 <= 0.04


def test_alignment_heads_are_those_of_the_checkpoint() -> None:
    class Generation:
        alignment_heads = [[1, 0], [-1, 2]]  # noqa: RUF012

    assert alignment_heads(Generation(), layers=2, heads=4) == [(1, 0), (1, 2)]
    assert alignment_heads(object(), layers=2, heads=2) == [(1, 0), (1, 1)]
    assert alignment_heads(object(), layers=1, heads=1) == [(0, 0)]


def test_median_filter_is_correct_for_every_order() -> None:
    """A network that sorts all sequences of zeros and ones sorts everything (Knuth, volume 3, 5.3.4)."""
    every = np.array(list(itertools.product((0.0, 1.0), repeat=_MEDIAN_WIDTH)), np.float32)[None]
    assert (_median(every)[0, :, _MEDIAN_WIDTH // 2] == np.median(every[0], axis=-1)).all()
    weights = np.random.default_rng(1).random((2, 3, 20), np.float32)
    padded = np.pad(weights, ((0, 0), (0, 0), (3, 3)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN_WIDTH, axis=-1)
    assert (_median(weights) == np.median(windows, axis=-1)).all()
