"""Classifies chunks before they cost a transcriber anything: the interface, and a minimal detector of silence.

A detector serves one epoch of one source, so it may keep state. `speech` has the one that detects speech.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wire.audio import samples
from wire.messages import Content

#: Samples up to this amplitude are silence: −78 dBFS, above the dither of a quiet encoder.
SILENT_PEAK = 4

#: `now` covers this many samples, two seconds: longer than the pause of a reader between two sentences.
NOW_SAMPLES = samples(2.0)


class Detector(Protocol):
    """Classifies the pieces of one epoch, in order."""

    @property
    def onset_samples(self) -> int:
        """Number of samples at the beginning of the newest piece that are certainly not speech."""

    @property
    def now(self) -> Content:
        """Content at the end of the newest piece, whatever the rest of it contains."""

    def fork(self) -> Detector:
        """An independent detector with the same state."""

    def __call__(self, new: bytes) -> Content:
        """Classify a piece. `new` is its new samples without the lead: 16 kHz s16le, of any length."""
        ...


#: Creates the detector of a new epoch.
MakeDetector: TypeAlias = Callable[[], Detector]


class SilenceDetector:
    """Digital silence is silence; everything else may be speech."""

    #: It only classifies whole pieces.
    onset_samples = 0

    def __init__(self) -> None:
        self.now = Content.SPEECH

    def fork(self) -> SilenceDetector:
        """An independent detector with the same state."""
        return SilenceDetector()

    def __call__(self, new: bytes) -> Content:
        """`SILENCE` if no sample exceeds `SILENT_PEAK`."""
        audio = np.frombuffer(new, dtype="<i2")
        self.now = _content(audio[-NOW_SAMPLES:])
        return _content(audio)


def _content(audio: NDArray[np.int16]) -> Content:
    # Not abs(): the absolute value of −32768 is negative in 16 bits.
    loud = audio.size and (int(audio.max()) > SILENT_PEAK or int(audio.min()) < -SILENT_PEAK)
    return Content.SPEECH if loud else Content.SILENCE
