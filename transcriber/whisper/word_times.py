"""Word times from the decoder's cross attention.

As in openai/whisper's timing.py: the attention of a few heads follows the audio; it is normalised, smoothed and
averaged, and dynamic time warping finds the best monotonic path through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcriber.whisper.dtw import first_frames

#: Duration of one encoder position, in seconds.
POSITION_S = 0.02

#: Fraction of the mean deviation over tokens below which a position counts as quiet.
_QUIET = 0.1

#: Attention that a position may get by chance. Measured on bundled models: 0.01 to 0.03 are equally good, less is
#: worse.
_CHANCE = 0.02

#: Fraction of a word's attention to ignore at either end. Without this, a word before a pause extends to the pause's
#: end: the middle of a word was off by 0.40 s at the 95th percentile on a half-trained model, with it by 0.26 s.
_TAIL = 0.05

#: Maximum duration of a word, in seconds; one that seems longer extends over a pause.
_LONGEST_S = 1.2

#: Width of the median filter along time, in positions; and the sorting network that puts the median of that many values
#: in the middle (Devillard, "Fast median search", 1998).
_MEDIAN_WIDTH = 7
_EXCHANGES = (
    *((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6)),
    *((2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)),
)


def alignment_heads(generation: Any, layers: int, heads: int) -> list[tuple[int, int]]:
    """(layer, head) pairs that follow the audio: those that the checkpoint names, or all in the last half of layers."""
    named = getattr(generation, "alignment_heads", None)
    if named:
        return [(int(layer) % layers, int(head)) for layer, head in named]
    return [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]


def word_times(
    attention: NDArray[np.float32], audio_s: float, words: Sequence[tuple[int, int]]
) -> list[tuple[float, float]]:
    """Begin and end of each word, in seconds.

    Args:
        attention: [heads, tokens, positions], each row a distribution.
        audio_s: duration of the audio; the rest is padding.
        words: first token and last + 1 of each; one more token follows the last word.
    """
    positions = max(1, min(attention.shape[-1], round(audio_s / POSITION_S)))
    weights = attention[:, :, :positions]
    weights = weights / np.maximum(weights.sum(-1, keepdims=True), 1e-9)
    first = first_frames(_scores(weights))
    mean_attention, longest = weights.mean(axis=0), round(_LONGEST_S / POSITION_S)
    times = []
    for start, end in words:
        begin, stop = int(first[start]), max(int(first[start]) + 1, int(first[end]))
        # The path leaves no pauses between words; trim a word to where its attention is.
        cumulative = np.cumsum(mean_attention[start:end, begin:stop].sum(axis=0))
        last = int(np.searchsorted(cumulative, (1 - _TAIL) * cumulative[-1]))
        begin, stop = (
            begin + int(np.searchsorted(cumulative, _TAIL * cumulative[-1])),
            begin + min(last, len(cumulative) - 1) + 1,
        )
        if stop - begin > longest:
            cumulative = np.cumsum(np.append(0.0, mean_attention[start:end, begin:stop].sum(axis=0)))
            begin += int(np.argmax(cumulative[longest:] - cumulative[:-longest]))
            stop = begin + longest
        times.append((begin * POSITION_S, min(audio_s, stop * POSITION_S)))
    return times


def _scores(weights: NDArray[np.float32]) -> NDArray[np.floating]:
    """Score of each token at each position, [tokens, positions]."""
    if weights.shape[0] == 1:
        # A single head that was trained to attend to its word: nearly a probability.
        log_weights: NDArray[np.floating] = np.log(weights[0] + _CHANCE)
        return log_weights
    deviation = weights.std(axis=1, keepdims=True)
    # In a pause there is only noise: do not amplify it to the size of a signal.
    floor = np.maximum(deviation.mean(axis=-1, keepdims=True) * _QUIET, 1e-9)
    normalised = (weights - weights.mean(axis=1, keepdims=True)) / np.maximum(deviation, floor)
    scores: NDArray[np.floating] = _median(normalised).mean(axis=0)
    return scores


def _median(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median filter along the last axis. numpy's takes four times as long, most of the time that word times cost."""
    reach = _MEDIAN_WIDTH // 2
    if weights.shape[-1] <= reach:
        return weights
    padded = np.pad(weights, ((0, 0), (0, 0), (reach, reach)), mode="reflect")
    filtered = np.empty_like(weights)
    for head, out in zip(padded, filtered, strict=True):  # one head at a time fits into a core's cache
        values = [head[:, first : first + weights.shape[-1]] for first in range(_MEDIAN_WIDTH)]
        for low, high in _EXCHANGES:
            values[low], values[high] = np.minimum(values[low], values[high]), np.maximum(values[low], values[high])
        out[:] = values[reach]
    return filtered
