"""The rules by which clips are dropped, and the list of those that are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recordings import voice
from trainer.corpus.cleaning import spoken_length
from trainer.corpus.drops import DROPPED_NAME, Dropped, Limits, Reason, level_dbfs

LIMITS = Limits()


def pcm(seconds: float, gain: float = 1.0) -> np.ndarray:
    return np.rint(voice(seconds) * gain * 32767).astype(np.int16)


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (pcm(0), Reason.EMPTY),
        (pcm(0.05), Reason.TOO_SHORT),
        (pcm(30), None),
        (pcm(30.01), Reason.TOO_LONG),
        (np.zeros(16_000, np.int16), Reason.SILENT),
        (np.ones(16_000, np.int16), Reason.SILENT),  # dither
        (pcm(1, gain=0.002), None),  # -67 dBFS: as quiet as clips of FLEURS are
    ],
)
def test_what_audio_may_be(audio: np.ndarray, reason: Reason | None) -> None:
    assert LIMITS.of_audio(audio) is reason


@pytest.mark.parametrize(
    ("text", "duration_s", "reason"),
    [
        ("seven", 0.15, None),  # a digit, cut tightly
        ("ja", 5.0, None),  # a word in a clip of Common Voice
        ("ja", 15.0, Reason.TOO_LITTLE_TEXT),
        ("En ganska vanlig mening med nio ord i sig.", 3.0, None),
        ("En ganska vanlig mening med nio ord i sig.", 0.5, Reason.TOO_MUCH_TEXT),
        ("En ganska vanlig mening med nio ord i sig.", 29.0, None),
        ("今日はとても良い天気ですね", 2.0, None),
        ("今日はとても良い天気ですね", 0.5, Reason.TOO_MUCH_TEXT),
    ],
)
def test_a_pace_that_nobody_speaks_at(text: str, duration_s: float, reason: Reason | None) -> None:
    assert LIMITS.of_pace(spoken_length(text), duration_s) is reason


@given(st.floats(0, 10_000), st.floats(0, 10_000))
def test_audio_is_truncated_only_if_it_is_shorter_than_declared(duration_s: float, declared_s: float) -> None:
    reason = LIMITS.of_length(duration_s, declared_s)
    if duration_s >= declared_s - 0.2:
        assert reason is None
    if duration_s < 0.9 * declared_s - 0.2:
        assert reason is Reason.TRUNCATED


def test_the_level_of_a_full_square_wave_is_0_dbfs() -> None:
    assert level_dbfs(np.full(10, -32768, np.int16)) == 0
    assert level_dbfs(np.zeros(10, np.int16)) == -np.inf


def test_the_list_is_gone_on_with(tmp_path: Path) -> None:
    with Dropped(tmp_path) as dropped:
        dropped.add("a\u2028å", Reason.MISSING)
        dropped.add("b", Reason.DUPLICATE, "a")
    with (tmp_path / DROPPED_NAME).open("ab") as file:
        file.write(b'{"id": "half a li')
    with Dropped(tmp_path) as dropped:
        assert dropped.ids == {"a\u2028å", "b"}
        assert dropped.counts == {Reason.MISSING: 1, Reason.DUPLICATE: 1}
        dropped.add("c", Reason.MISSING)
    assert (tmp_path / DROPPED_NAME).read_bytes().count(b"\n") == 3
