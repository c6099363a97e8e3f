"""When each token was spoken, from the decoder's cross attention.

As in openai/whisper's timing.py: the attention of a few heads follows the audio; it is normalised, smoothed and
averaged, and dynamic time warping finds the best monotone path through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcriber.dtw import first_frames

#: Duration of one encoder position, in seconds.
POSITION_S = 0.02

#: Deviation over tokens, as a part of its mean over time, below which a moment counts as quiet.
_QUIET = 0.1

#: Width of the median filter along time, in positions.
_MEDIAN_WIDTH = 7


def alignment_heads(generation: Any, layers: int, heads: int) -> list[tuple[int, int]]:
    """(layer, head) pairs that follow the audio: as the checkpoint names them, else all of the last half of layers."""
    named = getattr(generation, "alignment_heads", None)
    if named:
        return [(int(layer) % layers, int(head)) for layer, head in named]
    return [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]


def token_starts(attention: NDArray[np.float32], audio_s: float) -> NDArray[np.float64]:
    """When each token begins, in seconds.

    Args:
        attention: [heads, tokens, positions], each row a distribution.
        audio_s: how long the audio is; what lies behind it is padding.
    """
    positions = max(1, min(attention.shape[-1], round(audio_s / POSITION_S)))
    weights = attention[:, :, :positions]
    weights = weights / np.maximum(weights.sum(-1, keepdims=True), 1e-9)
    if weights.shape[0] > 1:
        deviation = weights.std(axis=1, keepdims=True)
        # Where no token looks, in a pause, there is only noise: it is not blown up to the size of a signal.
        floor = np.maximum(deviation.mean(axis=-1, keepdims=True) * _QUIET, 1e-9)
        weights = (weights - weights.mean(axis=1, keepdims=True)) / np.maximum(deviation, floor)
        weights = _median(weights)
    return first_frames(weights.mean(axis=0)).astype(np.float64) * POSITION_S


def _median(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median filter along the last axis."""
    reach = _MEDIAN_WIDTH // 2
    if weights.shape[-1] <= reach:
        return weights
    padded = np.pad(weights, ((0, 0), (0, 0), (reach, reach)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN_WIDTH, axis=-1)
    filtered: NDArray[np.float32] = np.median(windows, axis=-1)
    return filtered
