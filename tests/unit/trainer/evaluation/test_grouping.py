"""Groups by known, measured and missing values."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.grouping import group, shown
from trainer.evaluation.utterances import Utterance


def of(duration_s: float, **columns: str) -> Utterance:
    return Utterance("", "", "sv", duration_s, lambda: np.ones(1600, np.float32), columns)


def test_by_a_column() -> None:
    utterances = [of(1, accent="skånska"), of(1, accent=""), of(1), of(1, accent="gotländska"), of(1, accent="skånska")]
    assert group(utterances, "accent") == {"(unknown)": [1, 2], "gotländska": [3], "skånska": [0, 4]}


def test_a_speaker_of_several_accents_is_in_the_group_of_each() -> None:
    utterances = [of(1, accent="skånska|gotländska"), of(1, accent="skånska"), of(1, speaker="a|b")]
    assert group(utterances, "accent") == {"(unknown)": [2], "gotländska": [0], "skånska": [0, 1]}
    assert group(utterances, "speaker") == {"(unknown)": [0, 1], "a|b": [2]}


def test_by_duration_in_the_order_of_durations() -> None:
    found = group([of(25), of(1.9), of(2), of(12), of(5)], "duration")
    assert list(found.items()) == [("< 2 s", [1]), ("2–5 s", [2]), ("5–10 s", [4]), ("10–20 s", [3]), ("≥ 20 s", [0])]


def test_by_estimated_noise() -> None:
    assert group([of(1)], "snr") == {"< 10 dB": [0]}


def test_speaker_hashes_are_shortened_and_names_are_not() -> None:
    digits = "0f3a" * 32
    assert shown("speaker", digits) == "0f3a0f3a0f…"
    assert shown("accent", digits) == digits
    names = [f"interviews/spring/speaker-{number}" for number in (1, 2)]
    assert [shown("speaker", name) for name in names] == names


def test_an_unknown_column_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"'shoe size'.*accent.*snr"):
        group([], "shoe size")
