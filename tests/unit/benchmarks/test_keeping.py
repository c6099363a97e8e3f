"""Every codec preserves a chunk's length and, approximately, its content."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from benchmarks.keeping import OURS, encoders
from tests.recordings import voice


@pytest.mark.parametrize("name", encoders())
def test_decoded_audio_has_the_same_length_and_is_similar(name: str) -> None:
    pcm = (voice(2.5) * 32767).astype("<i2")
    heard, rate = soundfile.read(io.BytesIO(encoders()[name](pcm.tobytes())), dtype="int16")
    assert (rate, len(heard)) == (16_000, len(pcm))
    assert np.corrcoef(heard, pcm)[0, 1] > 0.9


def test_ours_is_listed_first() -> None:
    assert next(iter(encoders())) == OURS
