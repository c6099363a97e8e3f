"""The rules benchmark: groups of hypotheses, and counts of harmful and useful rejections."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.rules import NOTHING, QUIET_S, Sample, figures, group, nothing, survivors, table
from transcriber.engine import Hypothesis
from wire.messages import Word


def hypothesis(text: str, **changes: object) -> Hypothesis:
    words = tuple(Word(word, 0.3 * n, 0.3 * n + 0.3, 0.9) for n, word in enumerate(text.split()))
    return Hypothesis(words, text, "en", **{"mean_log_probability": -0.2, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("heard", "said", "expected"),
    [
        ("One two three four", "one, two.", "right"),
        ("One two three four", "one", "garbled"),
        ("One two", "one two three four five six", "right"),
        ("One", "", "garbled"),
        ("One", None, "invented"),
    ],
)
def test_half_of_the_words_make_a_hypothesis_right(heard: str, said: str | None, expected: str) -> None:
    assert group(hypothesis(heard), said, "en 20.0 dB") == expected


def test_crosstalk_is_a_separate_group() -> None:
    assert group(hypothesis("One"), None, "en crosstalk") == "crosstalk"


@pytest.mark.parametrize("kind", NOTHING)
def test_sound_without_speech_has_the_length_of_a_window_and_does_not_clip(kind: str) -> None:
    audio = nothing(kind, "en", random.Random(1))
    assert (audio.shape, audio.dtype) == ((round(QUIET_S * 16_000),), np.float32)
    assert np.abs(audio).max() <= 0.5


def test_the_table_counts_harm_and_good() -> None:
    heard = [
        Sample(hypothesis("Thanks for watching!"), "right", "en clean"),
        Sample(hypothesis("Thanks for watching!", no_speech_probability=0.9), "invented", "en bed"),
        Sample(hypothesis("What? " * 6), "right", "en clean"),
        Sample(hypothesis("on the hill", no_speech_probability=0.5), "invented", "en hum"),
        Sample(hypothesis("on the hill", no_speech_probability=0.5), "invented", "en hum"),
    ]
    rows = {str(row["rule"]): (row["right"], row["invented"]) for row in table(heard)}
    assert rows["phrase"] == (0, 1)
    assert rows["loop"] == (1, 0)
    assert rows["repeated"] == (0, 1)
    assert rows["all rules"] == (1, 2)
    assert rows["there were"] == (2, 3)
    assert rows["words left"] == (4, 3)
    assert figures(table(heard), quiet_hours=0.5) == {
        "right_rejected_percent": 50.0,
        "invented_rejected_percent": pytest.approx(66.67, abs=0.01),
        "invented_words_left_per_hour": 6.0,
    }
    assert survivors(heard) == {"on the hill": 1}
