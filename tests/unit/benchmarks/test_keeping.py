"""What is compared: each way to code a chunk leaves it as long as it was, and alike."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from benchmarks.keeping import OURS, codings
from tests.recordings import voice


@pytest.mark.parametrize("name", codings())
def test_what_is_coded_is_as_long_as_what_came_and_alike(name: str) -> None:
    pcm = (voice(2.5) * 32767).astype("<i2")
    heard, rate = soundfile.read(io.BytesIO(codings()[name](pcm.tobytes())), dtype="int16")
    assert (rate, len(heard)) == (16_000, len(pcm))
    assert np.corrcoef(heard, pcm)[0, 1] > 0.9


def test_ours_is_the_first() -> None:
    assert next(iter(codings())) == OURS
