"""Tells what a chunk holds before it costs a transcriber anything.

`Detector` is the seam for a voice activity detector: one instance serves one epoch of one source, so it may remember.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from wire.audio import SAMPLE_BYTES
from wire.messages import Content

#: Samples no larger than this are silence: −78 dBFS, above the dither of a quiet encoder.
SILENT_PEAK = 4


class Detector(Protocol):
    """Classifies the chunks of one source, in order."""

    def __call__(self, pcm: bytes, lead_samples: int) -> Content:
        """What the chunk holds. `pcm` is 16 kHz s16le; the first `lead_samples` were in the chunk before, too."""
        ...


#: Makes the detector of a new epoch.
MakeDetector: TypeAlias = Callable[[], Detector]


class SilenceDetector:
    """Digital silence is silence; everything else may be speech."""

    def __call__(self, pcm: bytes, lead_samples: int) -> Content:
        """`SILENCE` if no new sample rises above `SILENT_PEAK`."""
        new = np.frombuffer(pcm, dtype="<i2", offset=lead_samples * SAMPLE_BYTES)
        # Not abs(): the absolute value of −32768 is negative in 16 bits.
        loud = new.size and (int(new.max()) > SILENT_PEAK or int(new.min()) < -SILENT_PEAK)
        return Content.SPEECH if loud else Content.SILENCE
