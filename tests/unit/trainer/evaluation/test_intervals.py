"""Confidence intervals, on data with a known spread."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.intervals import interval, rule_of_three
from trainer.evaluation.scoring import Score

RNG = np.random.default_rng(1)
#: One word each, wrong with a probability of 20 %.
COINS = [Score(1, int(wrong), 0, 0) for wrong in RNG.random(400) < 0.2]


def test_the_interval_is_as_wide_as_the_binomial() -> None:
    rate = 100 * sum(score.errors for score in COINS) / len(COINS)
    found = interval(COINS)
    assert found is not None
    width = 1.96 * (rate * (100 - rate) / len(COINS)) ** 0.5
    assert found.low_percent == pytest.approx(rate - width, abs=0.6)
    assert found.high_percent == pytest.approx(rate + width, abs=0.6)


def test_the_same_seed_draws_the_same() -> None:
    assert interval(COINS, seed=3) == interval(COINS, seed=3)
    assert interval(COINS, seed=3) != interval(COINS, seed=4)


def test_correlated_errors_of_speakers_widen_the_interval() -> None:
    scores = [Score(1, int(speaker == "b"), 0, 0) for speaker in "abcd" for _ in range(50)]
    speakers = [speaker for speaker in "abcd" for _ in range(50)]
    by_utterance, by_speaker = interval(scores), interval(scores, speakers)
    assert by_utterance
    assert by_speaker
    assert by_speaker.high_percent - by_speaker.low_percent > 2 * (by_utterance.high_percent - by_utterance.low_percent)
    assert by_speaker.low_percent == 0.0


def test_one_utterance_per_speaker_equals_no_speakers() -> None:
    # Units are drawn in the order of their names, which here is that of the utterances.
    assert interval(COINS, [f"{place:03d}" for place in range(len(COINS))]) == interval(COINS)


def test_long_utterances_count_more() -> None:
    found = interval([Score(100, 0, 0, 0)] * 50 + [Score(1, 1, 0, 0)] * 50)
    assert found
    assert found.high_percent < 3


def test_fewer_words_without_an_error_are_less_sure_than_more_with_one() -> None:
    some = interval([Score(4, int(place == 0), 0, 0) for place in range(79)])
    assert some
    assert rule_of_three(23 * 4).high_percent == pytest.approx(3.26, abs=0.01)
    assert rule_of_three(23 * 4).high_percent > some.high_percent
    assert rule_of_three(2).high_percent == 100.0
    # With 300 words and 1 % errors, 5 % of the draws have no error.
    assert pytest.approx(0.05, abs=0.002) == 0.99**300
    assert rule_of_three(300).high_percent == 1.0
    assert rule_of_three(300).low_percent == 0.0


def test_equal_utterances_give_no_width_and_a_single_one_no_interval() -> None:
    found = interval([Score(4, 1, 0, 0)] * 10)
    assert found
    assert found.low_percent == found.high_percent == 25.0
    assert interval([Score(4, 1, 0, 0)]) is None
    assert interval([Score(4, 1, 0, 0)] * 3, ["a", "a", "a"]) is None
    assert interval([Score(0, 0, 0, 1)] * 3) is None
