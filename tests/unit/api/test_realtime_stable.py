"""Which words are sent before they are final, and which of them with the final caption."""

from __future__ import annotations

from itertools import count

import pytest

from api.openai.realtime.stable import StableWords
from wire.messages import Caption, Word

#: Duration of a word, in seconds.
WORD_S = 0.1


class Heard:
    """A source of hypotheses, and the text that is sent for them."""

    def __init__(self, language: str = "en") -> None:
        self._stable = StableWords()
        self._language = language
        self._captured_s = count(100)

    def hypothesis(self, *captions: tuple[int, float, str], final: int = 0) -> str:
        """The text sent for captions, each given as its id, its start in words of `WORD_S`, and its text.

        Args:
            final: how many of them are final.
        """
        captured_s = next(self._captured_s)
        sent: list[str] = []
        for n, (id, first, text) in enumerate(captions):
            words = self._stable.take(self._caption(id, first, text, captured_s, final=n < final))
            sent += [word.text for word in words]
        return "".join(sent)

    def final(self, id: int, first: float, text: str) -> str:
        """The text sent for a final caption without any after it."""
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
    """A new source."""
    return Heard()


def test_words_common_to_two_hypotheses_are_sent(heard: Heard) -> None:
    assert heard.hypothesis((1, 0, "We saw a cap")) == ""
    assert heard.hypothesis((1, 0, "We saw a cat on")) == " We saw a"
    assert heard.hypothesis((1, 0, "We saw a cat on the")) == " cat on"


def test_words_well_before_the_end_are_sent_at_once(heard: Heard) -> None:
    said = [f"word{n}" for n in range(14)]
    assert heard.hypothesis((1, 0, " ".join(said))).split() == said[:4]
    assert heard.hypothesis((1, 0, " ".join(["other", *said[1:], "more"]))).split() == said[4:5]
    assert heard.final(1, 0, " ".join(said)).split() == said[5:]


def test_final_caption_sends_the_remaining_words(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a"))
    heard.hypothesis((1, 0, "We saw a cat"))
    assert heard.final(1, 0, "We saw a cat.") == " cat."
    assert heard.final(2, 4, "It slept.") == " It slept."


def test_captions_of_one_hypothesis_count_as_one(heard: Heard) -> None:
    assert heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept")) == ""
    assert heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept")) == " We saw a cat. It slept"


def test_incomplete_hypothesis_counts_as_far_as_it_arrived(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It sleeps"))
    assert heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept")) == " We saw a cat. It"


def test_caption_missing_from_a_hypothesis_is_unchanged(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a cat."))
    assert heard.hypothesis((2, 4, "It")) == " We saw a cat."
    assert heard.hypothesis((2, 4, "It slept")) == " It"


def test_final_caption_keeps_the_hypothesis_after_it(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept"))
    told = heard.hypothesis((1, 0, "We saw a cat."), (2, 4, "It slept on"), final=1)
    assert told == " We saw a cat. It slept"


def test_words_that_move_to_the_next_caption_are_sent_once(heard: Heard) -> None:
    heard.hypothesis((1, 0, "We saw a cat on"))
    assert heard.hypothesis((1, 0, "We saw a cat on the")) == " We saw a cat on"
    assert heard.hypothesis((1, 0, "We saw a cat"), (2, 4, "on the mat"), final=1) == " the"
    assert heard.final(2, 4, "on the mat") == " mat"


def test_words_with_other_times_are_the_same(heard: Heard) -> None:
    heard.final(1, 0, "We saw a cat.")
    for _ in range(2):
        heard.hypothesis((2, 4.8, "It slept"))
    assert heard.final(2, 4, "It slept on.") == " on."


def test_words_with_other_punctuation_and_case_are_the_same(heard: Heard) -> None:
    for _ in range(2):
        heard.hypothesis((1, 0.8, "We saw home."))
    assert heard.final(1, 0, "We saw Home and away.") == " and away."


def test_after_a_wrong_word_nothing_is_omitted_or_repeated(heard: Heard) -> None:
    for _ in range(2):
        heard.hypothesis((1, 0, "We saw a cap on"))
    assert heard.hypothesis((1, 0, "We saw a cat on the")) == ""
    assert heard.hypothesis((1, 0, "We saw a cat on the mat")) == " the"
    assert heard.hypothesis((1, 0, "We saw a cat on"), (2, 5, "the mat."), final=1) == ""
    assert heard.final(2, 5, "the mat.") == " mat."
    assert heard.final(3, 7, "It slept.") == " It slept."


def test_words_replaced_by_more_words_are_not_sent_again(heard: Heard) -> None:
    for _ in range(2):
        heard.hypothesis((1, 0, "We saw captain"))
    assert heard.final(1, 0, "We saw cat then dog") == " then dog"


def test_withdrawn_caption_takes_no_words_from_the_next(heard: Heard) -> None:
    for _ in range(2):
        heard.hypothesis((1, 0, "Thanks for watching"))
    assert heard.final(1, 3, "") == ""
    assert heard.final(2, 1, "It slept.") == " It slept."


def test_scripts_without_spaces_are_sent_without() -> None:
    heard = Heard("zh")
    heard.hypothesis((1, 0, "你好世"))
    assert heard.hypothesis((1, 0, "你好世界")) == "你好世"
    assert heard.final(1, 0, "你好世界。") == "界。"


def test_captions_without_word_times_are_sent() -> None:
    ahead = StableWords()
    texts = ["We saw a", "We saw a cat"]
    told = [
        ahead.take(Caption("microphones/m", 1, n, 0.0, 0.5, text, n > 0, "en", captured_s=n))
        for n, text in enumerate(texts)
    ]
    assert ["".join(word.text for word in words) for words in told] == ["", " We saw a cat"]
