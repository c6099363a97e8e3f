"""SpecAugment (Park et al. 2019): bands of time and of frequency are taken out of the features.

Our own, because transformers' masks features in place, and masks padding unless it is told where the audio ends: here
the features that come in stay as they are, and every mask lies inside the clip.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Bands of each kind, and how wide one may be: a share of the mel bins (27 of 80, as in the paper), and of the clip's
#: frames (all bands together take out a fifth of short clips at most).
BANDS, MELS_SHARE, FRAMES_SHARE, MOST_FRAMES = 2, 27 / 80, 0.1, 100


def spec_augment(features: Tensor, frames: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A copy of log-mel features [B, mels, F], of which frames [B] hold audio, with bands at the mean of their clip.

    The mean, and not 0: 0 is a level like any other in Whisper's features.
    """
    if not share:
        return features
    masked = features.clone()
    for clip, length in zip(masked, frames.tolist(), strict=True):
        if _uniform(generator) < share:
            heard, mean = clip[:, :length], clip[:, :length].mean()
            for _ in range(BANDS):
                heard[_band(len(clip), int(MELS_SHARE * len(clip)), generator)] = mean
            for _ in range(BANDS):
                heard[:, _band(length, min(MOST_FRAMES, int(FRAMES_SHARE * length)), generator)] = mean
    return masked


def _band(length: int, most: int, generator: torch.Generator) -> slice:
    """A place for a band of up to `most` of so many bins or frames."""
    width = int(_uniform(generator) * (most + 1))
    first = int(_uniform(generator) * (length - width + 1))
    return slice(first, first + width)


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))
