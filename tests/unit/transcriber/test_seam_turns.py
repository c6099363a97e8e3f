"""The seam with turns of language: each word appears once, in its own language, and captions end at turns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.transcriber.seams import JOB, SeamDriver, in_parts, outcome, part, word
from transcriber.outcome import Part
from wire.messages import Word


def test_words_before_a_turn_stay_in_their_language_and_end_their_line() -> None:
    first = outcome(0, parts=(part([word("Hej", 3.2), word("då", 3.6)], p=1.0),))
    second = [word(f"so{n}", 5.5 + 0.5 * n, 5.9 + 0.5 * n) for n in range(6)]
    driver = SeamDriver().feed(first, outcome(1, parts=(part(second, "en", 1.0),)))
    assert [(c.language, c.text, c.final) for c in driver.shown] == [
        ("sv", "Hej då", True),
        ("en", "so0 so1 so2 so3 so4 so5", False),
    ]


def test_word_cut_at_a_turn_stays_in_its_language() -> None:
    first = outcome(0, parts=(part([word("Hej", 3.2), word("då", 3.9, 4.9)], p=1.0),))
    second = [word(f"so{n}", 4.8 + 0.5 * n, 5.2 + 0.5 * n) for n in range(6)]
    driver = SeamDriver().feed(first, outcome(1, parts=(part(second, "en", 1.0),)))
    assert [(c.language, c.text.split()[0], c.text.split()[-1]) for c in driver.shown] == [
        ("sv", "Hej", "då"),
        ("en", "so0", "so5"),
    ]


@pytest.mark.parametrize(("code", "turned"), [("en", False), ("ja", True)])
def test_name_does_not_change_the_language(code: str, turned: bool) -> None:
    """In a language without spaces, a word is a character."""
    name = (Word(f"{code}1", 1.5, 2.2, 0.9), Word(f"{code}2", 2.2, 2.9, 0.9))
    turning = outcome(0, parts=(*in_parts(0, ("sv", 0.2, 2)).parts, part(name, code, 1.0)))
    shown = SeamDriver(JOB).feed(turning, outcome(1, last=True)).shown
    assert ({caption.language for caption in shown} == {"sv", code}) == turned


def test_chunk_with_a_turn_has_two_languages() -> None:
    driver = SeamDriver(JOB).feed(in_parts(0, ("sv", 0.5, 3), ("en", 2.6, 3)), outcome(1, last=True))
    assert [(c.language, {w.text[:2] for w in c.words}) for c in driver.shown] == [("sv", {"sv"}), ("en", {"en"})]


def test_two_turns_within_a_chunk_are_followed_but_not_for_one_word() -> None:
    turns = in_parts(0, ("sv", 0.2, 2), ("en", 1.4, 3), ("sv", 3.3, 3))
    assert [c.language for c in SeamDriver(JOB).feed(turns, outcome(1, last=True)).shown] == ["sv", "en", "sv"]
    word_only = in_parts(0, ("sv", 0.2, 2), ("en", 1.6, 1), ("sv", 2.6, 3))
    assert {c.language for c in SeamDriver(JOB).feed(word_only, outcome(1, last=True)).shown} == {"sv"}


def test_more_confident_words_of_the_earlier_window_are_kept_at_a_turn() -> None:
    """The later window has only the end of "o'clock"."""
    first = replace(in_parts(0, ("sv", 0.2, 3), ("en", 2.4, 5)), tail_s=1.2)
    second = replace(in_parts(1, ("sv", -0.7, 8)), lead_s=1.2)
    [part] = second.parts
    [(spoken_in, reading)] = part.readings.items()
    guessed = (*(replace(w, confidence=0.4) for w in reading.words[:2]), *reading.words[2:])
    unsure = replace(part, readings={spoken_in: replace(reading, words=guessed)})
    driver = SeamDriver(JOB).feed(first, replace(second, parts=(unsure,)), outcome(2, last=True))
    assert [(c.language, len(c.words)) for c in driver.shown] == [("sv", 3), ("en", 5), ("sv", 6)]


def test_old_language_in_the_overlap_does_not_turn_back() -> None:
    first = replace(in_parts(0, ("sv", 1.0, 4), ("en", 3.4, 3)), tail_s=2.5)
    second = replace(in_parts(1, ("sv", -2.2, 1), ("en", -1.6, 8)), lead_s=2.5)
    driver = SeamDriver(JOB).feed(first, second, outcome(2, last=True))
    assert [(c.language, len(c.words)) for c in driver.shown] == [("sv", 4), ("en", 8)]


def test_more_confident_words_of_the_later_window_replace_those_in_the_old_language() -> None:
    """A window that ends with the first words of another language invents text for them."""
    old = [word("Hej", 3.0), word("då.", 3.4), Word("Hemma", 4.2, 4.6, 0.3), Word("laget", 4.6, 4.9, 0.4)]
    told = ("Here", "are", "the", "main", "stories", "now")
    new = [Word(text, 4.1 + 0.3 * n, 4.3 + 0.3 * n, 0.95) for n, text in enumerate(told)]
    heard = outcome(0, parts=(part(old, p=1.0),)), outcome(1, parts=(part(new, "en", 1.0),)), outcome(2, last=True)
    assert [(c.language, c.text) for c in SeamDriver(JOB).feed(*heard).shown] == [
        ("sv", "Hej då."),
        ("en", "Here are the main stories now"),
    ]


def test_words_misheard_by_the_later_window_stay_in_the_old_language() -> None:
    old = [word("Hej", 3.0), word("på", 4.1), word("onsdag.", 4.4, 4.9)]
    new = [Word("on", 4.1, 4.4, 0.3), Word("ounce", 4.4, 4.9, 0.4)]
    new += [word(text, 5.1 + 0.4 * n) for n, text in enumerate(("Here", "are", "the", "stories"))]
    heard = outcome(0, parts=(part(old, p=1.0),)), outcome(1, parts=(part(new, "en", 1.0),)), outcome(2, last=True)
    assert [(c.language, c.text) for c in SeamDriver(JOB).feed(*heard).shown] == [
        ("sv", "Hej på onsdag."),
        ("en", "Here are the stories"),
    ]


def test_word_before_a_turn_that_only_the_earlier_window_has_is_kept() -> None:
    """The later window begins with it and omits it, but has confident words after it."""
    first = outcome(0, parts=(part([word("Stort", 3.0), Word("tack.", 4.1, 4.5, 0.8)], p=1.0),))
    new = [Word(text, 4.7 + 0.4 * n, 5.0 + 0.4 * n, 0.95) for n, text in enumerate(("Good", "evening", "to", "you"))]
    heard = SeamDriver(JOB).feed(first, outcome(1, parts=(part(new, "en", 1.0),)), outcome(2, last=True))
    assert [(c.language, c.text) for c in heard.shown] == [("sv", "Stort tack."), ("en", "Good evening to you")]


def test_rejected_text_does_not_change_the_language() -> None:
    def said(text: str, at_s: float) -> list[Word]:
        return [Word(w, at_s + 0.4 * n, at_s + 0.4 * n + 0.4) for n, w in enumerate(text.split())]

    def parts(at_s: float) -> tuple[Part, Part]:
        greeting = part(said("Hej och god kväll.", at_s), p=1.0)
        return greeting, part(said("Thanks for watching this!", at_s + 2.5), "en", 1.0, doubtful=True)

    short = part([word("Tack", 9.2)], "sv", 1.0)
    heard = outcome(0, parts=parts(0.2)), outcome(1, parts=(*parts(5.2), short)), outcome(2, last=True)
    driver = SeamDriver(JOB).feed(*heard)
    assert driver.rejections == ["repeated"]
    assert [(c.language, c.text) for c in driver.shown] == [
        ("sv", "Hej och god kväll."),
        ("en", "Thanks for watching this!"),
        ("sv", "Hej och god kväll."),
        ("sv", "Tack"),
    ]
