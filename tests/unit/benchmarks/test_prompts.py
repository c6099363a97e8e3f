from __future__ import annotations

import numpy as np
import pytest

from benchmarks.prompts import PROMPTS, Tally, Window, count, noisy, windows
from benchmarks.training.taught import names


def _window(*words: str, previous: str = "", others: tuple[str, ...] = ()) -> Window:
    return Window(np.zeros(16000, np.float32), "en", words, previous, others)


def test_names_have_a_capital_within_a_sentence() -> None:
    words = ["The", "mayor", "of", "London.", "She", "met", "Anna,", "in", "Leeds."]
    assert list(names(words)) == ["London", "Anna", "Leeds"]


def test_a_wrong_name_is_an_error_and_a_missed_name() -> None:
    tally = Tally()
    count(tally, _window("the", "mayor", "of", "London"), ["so", "the", "mayor", "of", "louder"])
    assert (tally.words, tally.errors, tally.names, tally.missed) == (4, 2, 1, 1)
    count(tally, _window("in", "Leeds."), ["in", "leeds"])
    assert (tally.words, tally.errors, tally.names, tally.missed) == (6, 2, 2, 1)


def test_prompt_has_the_names_and_as_many_others() -> None:
    window = _window("of", "Leeds", previous="and the mayor", others=("York", "Bath"))
    elsewhere = _window("no", previous="rain")
    assert set(PROMPTS["its names among others"](window, elsewhere).hot_words) == {"Leeds", "York"}
    assert PROMPTS["other names"](window, elsewhere).hot_words == ("York", "Bath")
    assert PROMPTS["text from elsewhere"](window, elsewhere).previous == "rain"
    both = PROMPTS["its names and previous text"](window, elsewhere)
    assert both.previous == "and the mayor"
    assert set(both.hot_words) == {"Leeds", "York"}


def test_window_has_previous_text_and_only_foreign_other_names() -> None:
    found = windows("sv", 12)
    assert all(window.words and window.previous for window in found)
    assert not any(set(window.names) & set(window.others) for window in found)
    assert [window.words for window in found] == [window.words for window in windows("sv", 12)]


def test_noise_has_the_requested_snr() -> None:
    window = windows("en", 1)[0]
    added = noisy(window, 0, 10.0) - window.audio
    assert 0 < float((added**2).mean()) < float((window.audio**2).mean())
    assert noisy(window, 0, None) is window.audio


@pytest.mark.parametrize("snr_db", [20.0, 0.0])
def test_noise_never_clips(snr_db: float) -> None:
    assert float(np.abs(noisy(windows("en", 1)[0], 3, snr_db)).max()) <= 1.0
