"""Joining two overlapping hypotheses: words with imprecise times, and words cut by an edge."""

from __future__ import annotations

import pytest

from transcriber.joining.join import join
from transcriber.orthography import strip_punctuation
from wire.messages import Word


def word(text: str, start_s: float, end_s: float) -> Word:
    return Word(text, start_s, end_s, 0.9)


def joined(earlier: list[Word], later: list[Word], begin_s: float, end_s: float) -> list[str]:
    return [word.text for word in join(earlier, later, begin_s=begin_s, end_s=end_s).words]


def spread(text: str, at_s: float) -> list[Word]:
    """A word every 0.3 s."""
    return [word(w, at_s + 0.3 * n, at_s + 0.3 * n + 0.25) for n, w in enumerate(text.split())]


def test_word_after_an_equal_word_is_joined_even_if_its_times_differ() -> None:
    earlier = [word("road", 189.42, 189.77), word("to", 189.69, 189.71)]
    later = [word("road", 189.48, 189.6), word("to", 190.34, 190.37), word("oxford", 190.37, 190.44)]
    assert joined(earlier, later, 189.25, 190.0) == ["road", "to", "oxford"]


def test_word_repeated_in_both_windows_is_kept_twice() -> None:
    said = [word("nej", 99.1, 99.3), word("nej", 99.4, 99.6)]
    assert joined(said, said, 99.0, 100.0) == ["nej", "nej"]


def test_word_repeated_after_the_overlap_is_kept() -> None:
    assert joined([word("ja", 99.5, 99.7)], [word("ja", 99.5, 99.7), word("ja", 100.4, 100.6)], 99.0, 100.0) == [
        *("ja", "ja")
    ]
    assert joined([word("ja", 99.1, 99.3)], [word("ja", 100.4, 100.6)], 99.0, 100.0) == ["ja", "ja"]


def test_sentence_missing_from_the_earlier_window_keeps_its_first_word() -> None:
    """The last word before it extends over the pause, as the last word of a window often does."""
    earlier = [word("klockan", 2.26, 2.66), word("åtta.", 2.8, 4.18)]
    later = [*spread("Good morning, you are", 3.62), word("listening", 4.88, 5.4)]
    assert joined(earlier, later, 3.48, 5.0) == ["klockan", "åtta.", "Good", "morning,", "you", "are", "listening"]


@pytest.mark.parametrize(("begun", "whole"), [("The", "The"), ("A", "According")])
def test_first_word_after_a_pause_is_joined_wherever_the_earlier_window_placed_it(begun: str, whole: str) -> None:
    earlier = [word("again.", 9.4, 9.9), Word(begun, 10.3, 10.32, 0.76)]
    later = [word(whole, 11.1, 11.5), *spread("young champions", 11.6)]
    assert joined(earlier, later, 10.1, 11.5) == ["again.", whole, "young", "champions"]


@pytest.mark.parametrize(("cut", "whole"), [("ja.", "Ja,"), ("a", "According")])
def test_word_cut_by_the_later_window_is_not_joined_with_its_first_word(cut: str, whole: str) -> None:
    earlier, later = [word("säger,", 99.4, 99.9), word(cut, 100.03, 100.3)], [word(whole, 101.09, 101.4)]
    assert joined(earlier, later, 100.0, 101.21) == ["säger,", cut, whole]


def test_fragment_of_a_word_cut_by_the_later_window_is_dropped() -> None:
    """Its middle is far from that of the complete word, most of which is outside the window."""
    earlier, later = [word("och", 8.45, 8.95)], [word("o", 9.0, 9.12), word("nu", 9.95, 10.45)]
    assert joined(earlier, later, 9.0, 10.0) == ["och", "nu"]


def test_word_after_the_overlap_is_kept_even_with_low_confidence() -> None:
    later = [word("hej,", 99.6, 99.8), Word("du", 100.25, 100.4, 0.2), word("där", 100.5, 100.7)]
    for begin_s in (99.0, 99.5):
        assert joined([word("hej", 99.6, 99.8)], later, begin_s, 100.0)[-2:] == ["du", "där"]


def test_fragment_at_the_end_belongs_to_the_following_word() -> None:
    earlier = [word("enligt", 229.46, 229.72), word("e", 229.93, 230.0)]
    later = [word("enligt", 229.63, 230.04), word("en", 230.22, 230.24), word("grupp", 230.3, 230.6)]
    assert joined(earlier, later, 229.33, 230.0) == ["enligt", "en", "grupp"]


def test_case_is_from_the_earlier_window_and_punctuation_from_the_later_one() -> None:
    """A window puts a full stop after its last word, and capitalises its first one."""
    earlier, later = spread("i den nya budgeten.", 3.0), spread("Nya budgeten i Göteborg.", 3.6)
    assert joined(earlier, later, 3.6, 4.2) == ["i", "den", "nya", "budgeten", "i", "Göteborg."]


def test_final_word_keeps_its_full_stop() -> None:
    earlier, later = spread("i den nya budgeten.", 3.0), spread("Nya budgeten i Göteborg.", 3.6)
    found = join(earlier, later, begin_s=3.6, end_s=4.2, settled=4)
    assert [word.text for word in found.words] == ["i", "den", "nya", "budgeten.", "i", "Göteborg."]


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("budgeten.", "budgeten"),
        ('"Hej!"', '"Hej'),
        ("o'clock,", "o'clock"),
        ("i", "i"),
        ("…", "…"),
        ("C++.", "C++"),
        ("", ""),
    ],
)
def test_strip_punctuation(word: str, plain: str) -> None:
    assert strip_punctuation(word) == plain
