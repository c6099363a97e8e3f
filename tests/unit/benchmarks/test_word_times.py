from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.word_times import Tally, Timed, by_attention, by_timestamps, words_between
from demo import exam
from trainer.examples import Example, TimedWord
from transcriber.whisper.model import load


def _tally(*words: tuple[str, float, float]) -> tuple[Tally, Example]:
    return Tally(), Example(np.zeros(16000, np.float32), "en", tuple(TimedWord(*word) for word in words))


def test_only_correct_words_have_times() -> None:
    tally, example = _tally(("The", 0.0, 0.2), ("mayor", 0.2, 0.6))
    tally.add(example, [Timed("the", 0.1, 0.2), Timed("player", 5.0, 9.0)])
    assert tally.starts_s == pytest.approx([0.1])
    assert tally.ends_s == pytest.approx([0.0])
    row = tally.row("m", "attention", 10.0)
    assert row["WER %"] == 50
    assert row["off by, median s"] == pytest.approx(0.05)


def test_empty_text_makes_all_words_wrong() -> None:
    tally, example = _tally(("The", 0.0, 0.2))
    tally.add(example, [])
    assert (tally.words, tally.errors) == (1, 1)


def test_a_word_lies_between_its_timestamps() -> None:
    model: Any = SimpleNamespace(
        tokens=SimpleNamespace(end=100, timestamps_from=200),
        tokenizer=SimpleNamespace(decode=lambda ids: " ".join(f"w{id}" for id in ids)),
    )
    found = list(words_between(model, [200, 1, 210, 215, 2, 3, 230, 4]))
    assert found == [
        Timed("w1", 0.0, pytest.approx(0.2)),
        Timed("w2", pytest.approx(0.3), pytest.approx(0.6)),
        Timed("w3", pytest.approx(0.3), pytest.approx(0.6)),
        Timed("w4", pytest.approx(0.6), pytest.approx(0.6)),
    ]


def test_both_methods_give_a_result_for_every_example() -> None:
    model, examples = load("demo/model", device="cpu"), exam.windows("en", 3, None)
    attention, tally = Tally(), Tally()
    found = list(by_attention(model, examples, attention))
    assert [bool(words) for words in found] == [True] * 3
    assert all(0 <= w.start_s <= w.end_s <= exam.WINDOW_S for words in found for w in words)
    assert attention.steps > 0
    assert len(list(by_timestamps(model, examples, tally))) == 3
