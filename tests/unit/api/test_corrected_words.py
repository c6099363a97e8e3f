"""A corrected caption keeps the times of the original words."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.text.corrected_words import corrected
from api.text.cues import clean
from wire.breaks import LINE_CHARACTERS, split_words
from wire.messages import Caption, Word


def heard(*texts: str, separator: str = " ") -> Caption:
    """A caption whose words last a second each, from 10 s on."""
    words = tuple(Word(text, 10.0 + n, 11.0 + n, 0.4) for n, text in enumerate(texts))
    return Caption("jobs/a", 1, 2, 10.0, 10.0 + len(texts), separator.join(texts), True, "sv", words)


def times(caption: Caption, text: str) -> list[tuple[str, float, float]]:
    return [(word.text, word.start_s, word.end_s) for word in corrected(caption, text).words]


def test_corrected_words_have_no_confidence() -> None:
    caption = corrected(heard("God", "natt", "Sverige."), "God morgon, Sverige.")
    assert (caption.text, caption.final, caption.corrected) == ("God morgon, Sverige.", True, True)
    assert (caption.start_s, caption.end_s, caption.language) == (10.0, 13.0, "sv")
    assert [word.confidence for word in caption.words] == [None, None, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("God natt Sverige", [("God", 10, 11), ("natt", 11, 12), ("Sverige", 12, 13)]),  # punctuation only
        ("God morgon sverige.", [("God", 10, 11), ("morgon", 11, 12), ("sverige.", 12, 13)]),
        ("God Sverige.", [("God", 10, 11), ("Sverige.", 12, 13)]),
        ("Gud nattar Sverige.", [("Gud", 10, 11), ("nattar", 11, 12), ("Sverige.", 12, 13)]),
        ("Nattsverige.", [("Nattsverige.", 10, 13)]),
        ("God nu ikväll Sverige.", [("God", 10, 11), ("nu", 11, 11.25), ("ikväll", 11.25, 12), ("Sverige.", 12, 13)]),
    ],
)
def test_words_take_the_times_of_the_words_they_replace(text: str, expected: list[tuple[str, float, float]]) -> None:
    assert times(heard("God", "natt", "Sverige."), text) == expected


def test_inserted_word_gets_the_time_between_its_neighbours() -> None:
    words = (Word("ett", 1.0, 1.5), Word("tre", 3.5, 4.0))
    caption = Caption("jobs/a", 1, 0, 0.5, 4.5, "ett tre", True, "sv", words)
    assert times(caption, "noll ett två tre fyra") == [
        ("noll", 0.5, 1.0),
        ("ett", 1.0, 1.5),
        ("två", 1.5, 3.5),
        ("tre", 3.5, 4.0),
        ("fyra", 4.0, 4.5),
    ]


def test_inserted_words_without_time_share_that_of_the_word_before() -> None:
    words = times(heard("God", "natt", "Sverige."), "God natt allesammans Sverige.")
    assert [(text, round(start_s, 1), round(end_s, 1)) for text, start_s, end_s in words] == [
        ("God", 10, 11),
        ("natt", 11, 11.3),
        ("allesammans", 11.3, 12),
        ("Sverige.", 12, 13),
    ]


def test_script_without_spaces_stays_without_and_foreign_words_stay_whole() -> None:
    caption = heard("今日", "は", "雨", "です", separator="")
    text = "今日 NHK は雪です。"
    assert times(caption, text)[:3] == [("今", 10, 10.5), ("日", 10.5, 10.6), (" NHK", 10.6, 11)]
    assert [word for word, _, _ in times(caption, "「Malmö」の雪です。")] == ["「Malmö」", "の", "雪", "で", "す。"]
    assert corrected(caption, text).as_dict()["lines"] == [text]


def test_single_word_does_not_decide_whether_a_script_has_spaces() -> None:
    text = "今日は朝から雪が降っていますので、" * 3
    for caption in (heard("はい"), heard()):
        lines = corrected(caption, text).as_dict()["lines"]
        assert "".join(lines) == text
        assert max(map(len, lines)) <= LINE_CHARACTERS


def test_combining_marks_stay_with_their_character() -> None:
    words = [word for word, _, _ in times(heard("สวัสดี"), "ที่นี่")]
    assert words == ["ที่", "นี่"]


def test_caption_without_words_gets_no_invented_times() -> None:
    caption = Caption("jobs/a", 1, 0, 0.0, 4.0, "hello there", True)
    assert corrected(caption, "hello then").words == ()


def test_empty_text_withdraws_a_caption() -> None:
    caption = corrected(heard("Tack", "för", "att", "ni", "tittade."), "")
    assert (caption.text, caption.words, caption.final) == ("", (), True)


@given(st.text(alphabet="今日はNHKö12 。、「」 ที่", min_size=1))
def test_words_of_any_mixed_script_make_up_the_text(spelt: str) -> None:
    text = clean(spelt)
    words, separator = split_words(text, [word for word, _, _ in times(heard("今日", "は", separator=""), text)])
    assert separator.join(words) == text


@given(
    st.lists(st.sampled_from(["ett", "två", "Tre,", "fyra."]), min_size=1, max_size=8),
    st.lists(st.sampled_from(["ett", "två", "tre", "femtio", "–"]), max_size=8),
)
def test_words_are_those_of_the_text_in_order_within_the_caption(said: list[str], spelt: list[str]) -> None:
    caption = corrected(heard(*said), " ".join(spelt))
    assert [word.text for word in caption.words] == spelt
    assert all(caption.start_s <= word.start_s <= word.end_s <= caption.end_s for word in caption.words)
    assert all(one.end_s <= next.start_s for one, next in pairwise(caption.words))
