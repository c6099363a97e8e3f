"""Errors are counted by kind and by confused words."""

from __future__ import annotations

from collections import Counter

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.evaluation.scoring import Score, character_scores, total, word_scores

TEXTS = st.lists(st.sampled_from(["en", "brand", "i", "umeå"]), min_size=1, max_size=6).map(" ".join)


def test_errors_are_counted_by_their_kind() -> None:
    scores, confusions = word_scores(["en brand i umeå", "klockan är sex"], ["en brand i i ume", "klockan sex"])
    assert total(scores) == Score(words=7, substitutions=1, deletions=1, insertions=1)
    assert total(scores).wer_percent == pytest.approx(300 / 7)
    assert confusions.substitutions == Counter({("umeå", "ume"): 1})
    assert (confusions.deletions, confusions.insertions) == (Counter({"är": 1}), Counter({"i": 1}))


def test_words_of_one_mistake_are_paired_one_by_one() -> None:
    _, confusions = word_scores(["a b"], ["c d"])
    assert confusions.substitutions == Counter({("a", "c"): 1, ("b", "d"): 1})


def test_all_words_in_silence_are_insertions() -> None:
    scores, _ = word_scores(["", "hej"], ["brus i luften", ""])
    assert scores == [Score(0, 0, 0, 3), Score(1, 0, 1, 0)]
    assert character_scores(["", "hej"], ["ab", ""]) == [Score(0, 0, 0, 2), Score(3, 0, 3, 0)]


def test_nothing_has_no_errors() -> None:
    assert word_scores([], [])[0] == character_scores([], []) == []
    assert total([]).wer_percent == 0.0


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_the_total_equals_that_of_jiwer(pairs: list[tuple[str, str]]) -> None:
    references, hypotheses = map(list, zip(*pairs, strict=True))
    assert total(word_scores(references, hypotheses)[0]).wer_percent == pytest.approx(
        100 * jiwer.wer(references, hypotheses)
    )
    assert total(character_scores(references, hypotheses)).wer_percent == pytest.approx(
        100 * jiwer.cer(references, hypotheses)
    )
