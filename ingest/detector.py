"""Tells what a chunk holds before it costs a transcriber anything: the seam, and the least that can be told.

One detector serves one epoch of one source, so it may remember. `speech` has the one that hears speech.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wire.audio import samples
from wire.messages import Content

#: Samples no larger than this are silence: −78 dBFS, above the dither of a quiet encoder.
SILENT_PEAK = 4

#: What is heard "now" is what so many samples hold, two seconds: longer than readers pause between two sentences.
NOW_SAMPLES = samples(2.0)


class Detector(Protocol):
    """Classifies the pieces of one epoch, in order."""

    @property
    def onset_samples(self) -> int:
        """So many samples at the beginning of the newest piece are certainly no speech; nothing is said of the rest."""

    @property
    def now(self) -> Content:
        """What is heard at the end of the newest piece, whatever else is in it."""

    def fork(self) -> Detector:
        """Another that has heard the same: what it is given, this one has not heard."""

    def __call__(self, new: bytes) -> Content:
        """What a piece holds. `new` is its new samples without the lead: 16 kHz s16le, of any length."""
        ...


#: Makes the detector of a new epoch.
MakeDetector: TypeAlias = Callable[[], Detector]


class SilenceDetector:
    """Digital silence is silence; everything else may be speech."""

    #: It tells whole pieces only.
    onset_samples = 0

    def __init__(self) -> None:
        self.now = Content.SPEECH

    def fork(self) -> SilenceDetector:
        """Another that has heard the same."""
        return SilenceDetector()

    def __call__(self, new: bytes) -> Content:
        """`SILENCE` if no sample rises above `SILENT_PEAK`."""
        audio = np.frombuffer(new, dtype="<i2")
        self.now = _content(audio[-NOW_SAMPLES:])
        return _content(audio)


def _content(audio: NDArray[np.int16]) -> Content:
    # Not abs(): the absolute value of −32768 is negative in 16 bits.
    loud = audio.size and (int(audio.max()) > SILENT_PEAK or int(audio.min()) < -SILENT_PEAK)
    return Content.SPEECH if loud else Content.SILENCE
