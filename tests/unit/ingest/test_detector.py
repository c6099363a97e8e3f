"""Digital silence is detected; anything louder is left to the transcriber."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.speech.detector import SilenceDetector
from wire.messages import Content


@pytest.mark.parametrize(
    ("samples", "content"),
    [
        ((0, 0, 0), Content.SILENCE),
        ((1, -2, 4, -4), Content.SILENCE),
        ((0, 5, 0), Content.SPEECH),
        ((0, -5, 0), Content.SPEECH),
        ((-32768,), Content.SPEECH),
        ((), Content.SILENCE),
    ],
)
def test_silence_is_inaudible(samples: tuple[int, ...], content: Content) -> None:
    assert SilenceDetector()(np.array(samples, dtype="<i2").tobytes()) is content


def test_now_covers_the_last_two_seconds() -> None:
    detector = SilenceDetector()
    sound, silence = np.full(16_000, 1000, "<i2"), np.zeros(3 * 16_000, "<i2")
    assert detector(np.concatenate([sound, silence]).tobytes()) is Content.SPEECH
    assert detector.now is Content.SILENCE
    assert detector(sound.tobytes()) is detector.now is Content.SPEECH
