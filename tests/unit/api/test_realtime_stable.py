"""Which words are told before they are final, and what is told of a final caption then."""

from __future__ import annotations

from itertools import count

import pytest

from api.realtime_stable import StableWords
from wire.messages import Caption, Word

#: How long a word takes, in seconds.
WORD_S = 0.1


class Heard:
    """A source of which hypotheses come, and what is told of them."""

    def __init__(self, language: str = "en") -> None:
        self._ahead = StableWords()
        self._language = language
        self._captured_s = count(100)

    def hypothesis(self, *captions: tuple[int, float, str], final: int = 0) -> str:
        """What is told when captions come, each its id, when it begins, in words of `WORD_S`, and what it says.

        Args:
            final: so many of them are.
        """
        captured_s = next(self._captured_s)
        told: list[str] = []
        for n, (id, first, text) in enumerate(captions):
            words = self._ahead.take(self._caption(id, first, text, captured_s, final=n < final))
            told += [word.text for word in words]
        return "".join(told)

    def final(self, id: int, first: float, text: str) -> str:
        """What is told when a caption is final, and nothing is behind it."""
        return self.hypothesis((id, first, text), final=1)

    def _caption(self, id: int, first: float, text: str, captured_s: float, *, final: bool) -> Caption:
        separator = "" if self._language == "zh" else " "
        spelt = [*text] if self._language == "zh" else text.split()
        words = tuple(Word(word, (first + n) * WORD_S, (first + n + 1) * WORD_S) for n, word in enumerate(spelt))
        start_s, end_s = first * WORD_S, (first + len(words)) * WORD_S
        return Caption(
            "microphones/m",
            id,
            0,
            start_s,
            end_s,
            separator.join(spelt),
            final,
            self._language,
            words,
            captured_s=captured_s,
        )


@pytest.fixture
def heard() -> Heard:
    """A source of which nothing has come."""
    return Heard()


def test_words_are_told_when_two_hypotheses_begin_with_them(heard: Heard) -> None:
    assert heard.hypothesis((1, 0, "We saw a cap")) == ""
    assert heard.hypothesis((1, 0, "We saw a cat on")) == " We saw a"
    assert heard.hypothesis((1, 0, "We saw a cat on the")) == " cat on"


def test_words_are_told_at_once_when_they_are_not_at_the_end(heard: Heard) -> None:
    said = [f"word{n}" for n in range(14)]
    assert heard.hypothesis((1, 0, " ".join(said))).split() == said[:4]
    assert heard.hypothesis((1, 0, " ".join(["other", *said[1:], "more"]))).split() == said[4:5]
    assert heard.final(1, 0, " ".join(said)).split() == said[5:]


def test_a_final_caption_tells_what_has_not_been_told(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a"))
    heard.hypothesis((1, 0, "We saw a cat"))
    assert heard.final(1, 0, "We saw a cat.") == " cat."
    assert heard.final(2, 4, "It slept.") == " It slept."


def test_captions_of_one_hypothesis_are_not_two(heard: Heard) -> None:
    assert heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept")) == ""
    assert heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept")) == " We saw a cat. It slept"


def test_of_a_hypothesis_counts_what_has_come_of_it(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It sleeps"))
    assert heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept")) == " We saw a cat. It"


def test_a_caption_that_does_not_come_anew_is_as_it_was(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a cat."))
    assert heard.hypothesis((2, 4, "It")) == " We saw a cat."
    assert heard.hypothesis((2, 4, "It slept")) == " It"


def test_a_final_caption_does_not_end_the_hypothesis_behind_it(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept"))
    told = heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept on"), final=1)
    assert told == " We saw a cat. It slept"


def test_words_that_go_over_to_the_next_caption_are_told_once(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a cat on"))
    assert heard.hypothesis((1, 0, "We saw a cat on the")) == " We saw a cat on"
    assert heard.hypothesis((1, 0, "We saw a cat"), (2, 4, "on the mat"), final=1) == " the"
    assert heard.final(2, 4, "on the mat") == " mat"


def test_words_are_the_same_at_other_times(heard: Heard) -> None:
    heard.final(1, 0, "We saw a cat.")
    for _ in range(2):
        heard.hypothesis((2, 4.8, "It slept"))
    assert heard.final(2, 4, "It slept on.") == " on."


def test_words_are_the_same_with_other_punctuation_and_case(heard: Heard) -> None:
    for _ in range(2):
        heard.hypothesis((1, 0.8, "We saw home."))
    assert heard.final(1, 0, "We saw Home and away.") == " and away."


def test_behind_a_word_that_was_told_wrongly_nothing_is_left_out_or_told_twice(heard: Heard) -> None:
    for _ in range(2):
        heard.hypothesis((1, 0, "We saw a cap on"))
    assert heard.hypothesis((1, 0, "We saw a cat on the")) == ""
    assert heard.hypothesis((1, 0, "We saw a cat on the mat")) == " the"
    assert heard.hypothesis((1, 0, "We saw a cat on"), (2, 5, "the mat."), final=1) == ""
    assert heard.final(2, 5, "the mat.") == " mat."
    assert heard.final(3, 7, "It slept.") == " It slept."


def test_more_words_than_were_told_wrongly_are_not_told_again(heard: Heard) -> None:
    for _ in range(2):
        heard.hypothesis((1, 0, "We saw captain"))
    assert heard.final(1, 0, "We saw cat then dog") == " then dog"


def test_a_caption_that_is_withdrawn_takes_no_words_from_the_next_one(heard: Heard) -> None:
    for _ in range(2):
        heard.hypothesis((1, 0, "Thanks for watching"))
    assert heard.final(1, 3, "") == ""
    assert heard.final(2, 1, "It slept.") == " It slept."


def test_where_words_have_no_spaces_there_are_none_in_what_is_told() -> None:
    heard = Heard("zh")
    heard.hypothesis((1, 0, "你好世"))
    assert heard.hypothesis((1, 0, "你好世界")) == "你好世"
    assert heard.final(1, 0, "你好世界。") == "界。"


def test_captions_without_times_of_words_are_told_as_well() -> None:
    ahead = StableWords()
    texts = ["We saw a", "We saw a cat"]
    told = [
        ahead.take(Caption("microphones/m", 1, n, 0.0, 0.5, text, n > 0, "en", captured_s=n))
        for n, text in enumerate(texts)
    ]
    assert ["".join(word.text for word in words) for words in told] == ["", " We saw a cat"]
