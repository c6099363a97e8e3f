"""SpecAugment (Park et al. 2019): mask bands of time and of frequency in the features.

Not transformers' implementation, which masks in place, and masks padding unless it is given an attention mask: here
the input is unchanged, and every mask lies inside the clip.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Bands of each kind, and their maximum width: a share of the mel bins (27 of 80, as in the paper) and of the clip's
#: frames (both bands together mask at most a fifth of a short clip).
BANDS, MELS_SHARE, FRAMES_SHARE, MOST_FRAMES = 2, 27 / 80, 0.1, 100


def spec_augment(features: Tensor, frames: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A copy of log-mel features [B, mels, F], of which frames [B] hold audio, with bands masked by the clip's mean.

    Not by 0, which is a level like any other in Whisper's features.
    """
    if not share:
        return features
    masked = features.clone()
    for clip, length in zip(masked, frames.tolist(), strict=True):
        if _uniform(generator) < share:
            audio, mean = clip[:, :length], clip[:, :length].mean()
            for _ in range(BANDS):
                audio[_band(len(clip), int(MELS_SHARE * len(clip)), generator)] = mean
            for _ in range(BANDS):
                audio[:, _band(length, min(MOST_FRAMES, int(FRAMES_SHARE * length)), generator)] = mean
    return masked


def _band(length: int, most: int, generator: torch.Generator) -> slice:
    """A random band of width up to `most`, within `length` bins or frames."""
    width = int(_uniform(generator) * (most + 1))
    first = int(_uniform(generator) * (length - width + 1))
    return slice(first, first + width)


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))
