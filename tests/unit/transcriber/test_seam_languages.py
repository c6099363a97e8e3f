"""The seam with chunks of doubtful language: chunks vote."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcriber.seams import EXAMPLES, JOB, MICROPHONE, SeamDriver, outcome, part, spoken, word
from transcriber.joining.policy import Policy
from transcriber.joining.seam import advance
from transcriber.outcome import Outcome, Part, Reading
from wire.messages import Word


def in_turn(*english: float) -> list[Outcome]:
    """Chunks of a job that are English with these probabilities, and its end."""
    return [*(spoken(seq, p) for seq, p in enumerate(english)), outcome(len(english), last=True)]


def heard_in(driver: SeamDriver) -> list[str]:
    """The language of each chunk's words, from their spelling; checked against that of the captions."""
    for caption in driver.shown:
        assert {w.text[:2] for w in caption.words} <= {caption.language}
    found = {int(w.text[2:].split(".")[0]): w.text[:2] for caption in driver.shown for w in caption.words}
    return [found[seq] for seq in sorted(found)]


def test_doubtful_chunk_is_captioned_in_the_voted_language() -> None:
    driver = SeamDriver(JOB).feed(*in_turn(0.1, 0.1, 0.7, 0.2))
    assert heard_in(driver) == ["sv"] * 4


def test_chunk_certainly_in_another_language_is_captioned_in_its_own() -> None:
    driver = SeamDriver(JOB).feed(*in_turn(0.0, 0.0, 1.0, 0.0))
    assert heard_in(driver) == ["sv", "sv", "en", "sv"]


def test_few_words_are_kept_without_changing_the_captions_language() -> None:
    chunks = [spoken(0, 0.0), spoken(1, 1.0, n_words=2), spoken(2, 0.0), outcome(3, last=True)]
    driver = SeamDriver(JOB).feed(*chunks)
    assert {w[:2] for w in driver.words} == {"sv", "en"}
    assert {caption.language for caption in driver.shown} == {"sv"}


def test_new_language_is_followed_within_three_chunks_even_in_doubt() -> None:
    assert heard_in(SeamDriver(JOB).feed(*in_turn(*[0.1] * 6, *[0.8] * 4))) == ["sv"] * 7 + ["en"] * 3


def test_rejected_text_and_silence_do_not_vote() -> None:
    unheard = [outcome(seq, parts=(part((), "en", 1.0),)) for seq in range(1, 6)]
    driver = SeamDriver(JOB).feed(spoken(0, 0.0), *unheard, spoken(6, 0.5), outcome(7, last=True))
    assert heard_in(driver) == ["sv", "sv"]


def test_rejected_reading_is_not_replaced_by_one_in_another_language() -> None:
    [heard] = spoken(2, 0.6).parts
    doubtful = outcome(2, parts=(replace(heard, readings={**heard.readings, "sv": Reading((), "sv")}),))
    driver = SeamDriver(JOB).feed(spoken(0, 0.0), spoken(1, 0.0), doubtful, outcome(3, last=True))
    assert heard_in(driver) == ["sv", "sv"]


@pytest.mark.parametrize(
    ("confidence", "words", "expected"),
    [(0.5, 4, "en"), (0.75, 4, "sv"), (0.5, 1, "sv")],
    ids=["far", "near", "a word"],
)
def test_much_more_confident_reading_in_another_language_wins_unless_it_is_one_word(
    confidence: float, words: int, expected: str
) -> None:
    guess = Reading(tuple(Word(f"sv{n}", 11 + 0.5 * n, 11.3 + 0.5 * n, confidence) for n in range(4)), "sv")
    sure = Reading(tuple(Word(f"en{n}", 11 + 0.5 * n, 11.3 + 0.5 * n, 0.9) for n in range(words)), "en")
    doubted = outcome(2, parts=(Part({"sv": guess, "en": sure}, {"sv": 0.9, "en": 0.1}),))
    shown = SeamDriver(JOB).feed(spoken(0, 0.0), spoken(1, 0.0), doubted, outcome(3, last=True)).shown
    assert {caption.language for caption in shown if caption.start_s > 10.9} == {expected}


def test_a_translation_is_english_whatever_is_spoken() -> None:
    heard, said = Reading((word("yes", 1.0),), "en"), Reading((word("no", 6.0),), "en")
    first, second = Part({"sv": heard}, {"sv": 0.9, "en": 0.1}), Part({"sv": said, "en": said}, {"sv": 0.6, "en": 0.4})
    chunks = [outcome(0, parts=(first,)), outcome(1, parts=(second,)), outcome(2, last=True)]
    assert {c.language for c in SeamDriver(JOB).feed(*chunks).shown} == {"en"}


@EXAMPLES
@given(
    english=st.lists(st.sampled_from([0.0, 0.02, 0.1, 0.4, 0.5, 0.6, 0.9, 0.98, 1.0]), min_size=1, max_size=20),
    seed=st.integers(0, 1_000_000),
    policy=st.sampled_from([JOB, MICROPHONE]),
)
def test_language_does_not_depend_on_the_completion_order(english: list[float], seed: int, policy: Policy) -> None:
    rng = random.Random(seed)
    chunks = [spoken(seq, p, rng.randint(0, 7)) for seq, p in enumerate(english)]
    chunks[-1] = replace(chunks[-1], last=True)
    one = SeamDriver(policy).feed(*chunks)
    deliveries = chunks + rng.choices(chunks, k=3)
    rng.shuffle(deliveries)
    several = SeamDriver(policy).feed(*deliveries)
    one_by_one, at_once = (
        [replace(c, revision=0, captured_s=0.0) for c in driver.shown if c.text] for driver in (one, several)
    )
    assert one_by_one == at_once


def test_contradicted_language_is_reported_even_if_the_last_of_the_chunks_is_in_doubt() -> None:
    sure = [spoken(seq, 0.02, told="en") for seq in range(4)]
    result = advance(None, [*sure, spoken(4, 0.6, told="en")], JOB, 0.0)
    assert result
    assert result.sounds_like == "sv"
