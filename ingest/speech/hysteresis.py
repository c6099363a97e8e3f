"""Decides from the speech probability of each frame whether there is speech. Pure.

Speech that is missed here is never captioned, so doubtful audio counts as speech; but after half a minute without any,
music is likelier than a lone word, and the threshold is higher. `python -m benchmarks.detector` measures the trade-off.
"""

from __future__ import annotations

from collections.abc import Iterable

from ingest.speech.silero import FRAME_SAMPLES
from wire.audio import samples


def _frames(duration_s: float) -> int:
    return round(samples(duration_s) / FRAME_SAMPLES)


#: For this long after speech, and after the start of an epoch, the detector is alert: short words are likely.
ALERT_FRAMES = _frames(30.0)

#: The threshold while alert, as a share of the normal one.
ALERT_SHARE = 0.4

#: After a voiced frame, the next ones are voiced if they reach this share of the threshold.
OFF_SHARE = 0.6

#: Minimum length of a run of voiced frames that counts as speech, normally and while alert; "yes" has a dozen.
MIN_FRAMES, ALERT_MIN_FRAMES = _frames(0.25), _frames(0.16)

#: Voiced frames at most this far apart form a run, and this much after a run still counts as speech. The start of a run
#: needs no padding: the next chunk repeats the end of this one.
PAD_FRAMES = _frames(0.4)


class Hysteresis:
    """The state of one epoch of one source.

    Args:
        threshold: minimum probability of a voiced frame, long after the last speech.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._speech = False
        self._voiced = False
        self._run = 0  # voiced frames in the current run
        self._unvoiced = PAD_FRAMES + 1  # frames since the last voiced one
        self.frames_since_speech = 0  # frames since the last speech, or since the epoch began
        self.onset_frames = 0  # number of the newest frames before the first that may be speech

    def feed(self, probabilities: Iterable[float]) -> bool:
        """Process the next frames, if any; return True if they contain speech, which may extend from earlier frames."""
        speech = self._speech
        onset_frames: int | None = 0 if speech else None
        number = 0
        for number, probability in enumerate(probabilities, start=1):
            speech = self._step(probability) or speech
            if onset_frames is None and self._voiced:
                onset_frames = number - 1
        self.onset_frames = number if onset_frames is None else onset_frames
        return speech

    def _step(self, probability: float) -> bool:
        alert = self.frames_since_speech < ALERT_FRAMES
        needed = self._threshold * (ALERT_SHARE if alert else 1.0)
        self._voiced = probability >= needed * (OFF_SHARE if self._voiced else 1.0)
        if self._voiced:
            self._run = self._run + 1 if self._unvoiced <= PAD_FRAMES else 1
            self._unvoiced = 0
        else:
            self._unvoiced += 1
        needed_frames = ALERT_MIN_FRAMES if alert else MIN_FRAMES
        self._speech = self._run >= needed_frames and self._unvoiced <= PAD_FRAMES
        self.frames_since_speech = 0 if self._speech else self.frames_since_speech + 1
        return self._speech
