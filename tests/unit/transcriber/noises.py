"""Noise, from which models with random weights decode some text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.audio import samples


def noise(duration_s: float, seed: int = 0) -> NDArray[np.float32]:
    """16 kHz mono."""
    return np.random.default_rng(seed).normal(0, 0.1, samples(duration_s)).astype(np.float32)
