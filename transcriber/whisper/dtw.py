"""Dynamic time warping: align tokens to audio frames.

As in openai/whisper's timing.py, but vectorised by row: the best path along a row is a running minimum, which numpy
computes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def first_frames(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """The frame at which each token begins on the best monotone path.

    Args:
        scores: how well each token fits each frame, [tokens, frames]; both at least 1.

    Returns:
        [tokens], not decreasing, the first is 0.
    """
    costs = -np.asarray(scores, dtype=np.float64)
    tokens, frames = costs.shape
    table = np.empty((tokens, frames))
    table[0] = np.cumsum(costs[0])
    for i in range(1, tokens):
        above = table[i - 1]
        entered = np.minimum(above, np.concatenate(([np.inf], above[:-1])))
        along = np.cumsum(costs[i])
        table[i] = along + np.minimum.accumulate(entered - (along - costs[i]))
    first = np.zeros(tokens, dtype=np.int64)
    i, j = tokens - 1, frames - 1
    while i > 0:
        diagonal = table[i - 1, j - 1] if j else np.inf
        up, left = table[i - 1, j], table[i, j - 1] if j else np.inf
        if left < min(diagonal, up):
            j -= 1
            continue
        first[i] = j
        i, j = i - 1, j - 1 if diagonal <= up else j
    return first
