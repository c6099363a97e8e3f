"""From the probability of speech in each frame to whether there is speech. Pure.

What is not heard here is never captioned, so doubt counts as speech; but after half a minute without any, music is
likelier than a lone word, and more is asked for. `python -m benchmarks.detector` shows what that costs and gains.
"""

from __future__ import annotations

from collections.abc import Iterable

from ingest.silero import FRAME_SAMPLES
from wire.audio import samples


def _frames(duration_s: float) -> int:
    return round(samples(duration_s) / FRAME_SAMPLES)


#: For so long after speech, and after an epoch's begin, a lone short word is expected.
ALERT_FRAMES = _frames(30.0)

#: Meanwhile this share of the threshold will do.
ALERT_SHARE = 0.4

#: Once a frame is voiced, the next ones are while they reach this share of what it had to.
OFF_SHARE = 0.6

#: Fewer voiced frames that belong together are no speech; "yes" has a dozen.
MIN_FRAMES, ALERT_MIN_FRAMES = _frames(0.25), _frames(0.16)

#: Voiced frames no further apart belong together, and so much after the last of them still is speech. What lies before
#: the first needs no padding: the next chunk repeats the end of this one.
PAD_FRAMES = _frames(0.4)


class Hysteresis:
    """One epoch of one source.

    Args:
        threshold: the probability from which a frame is voiced, long after the last speech.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._speech = False
        self._voiced = False
        self._run = 0  # voiced frames that belong together
        self._unvoiced = PAD_FRAMES + 1  # frames since the last voiced one
        self.without = 0  # frames since the last speech, or since the epoch began
        self.onset = 0  # of the newest frames, so many before the first that may be speech

    def feed(self, probabilities: Iterable[float]) -> bool:
        """Take the frames that follow, if any; whether there is speech in them. It may reach in from those before."""
        heard = self._speech
        onset: int | None = 0 if heard else None
        number = 0
        for number, probability in enumerate(probabilities, start=1):
            heard = self._step(probability) or heard
            if onset is None and self._voiced:
                onset = number - 1
        self.onset = number if onset is None else onset
        return heard

    def _step(self, probability: float) -> bool:
        alert = self.without < ALERT_FRAMES
        needed = self._threshold * (ALERT_SHARE if alert else 1.0)
        self._voiced = probability >= needed * (OFF_SHARE if self._voiced else 1.0)
        if self._voiced:
            self._run = self._run + 1 if self._unvoiced <= PAD_FRAMES else 1
            self._unvoiced = 0
        else:
            self._unvoiced += 1
        needed_frames = ALERT_MIN_FRAMES if alert else MIN_FRAMES
        self._speech = self._run >= needed_frames and self._unvoiced <= PAD_FRAMES
        self.without = 0 if self._speech else self.without + 1
        return self._speech
