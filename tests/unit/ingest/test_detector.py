"""Digital silence is found; anything louder is left to the recogniser."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.detector import SilenceDetector
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
def test_silence_is_what_nobody_hears(samples: tuple[int, ...], content: Content) -> None:
    assert SilenceDetector()(np.array(samples, dtype="<i2").tobytes()) is content
