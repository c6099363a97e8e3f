"""Breaks: what fits on a screen, and where text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.breaks import (
    LINE_CHARACTERS,
    LINES,
    Break,
    break_between,
    cut,
    ends_sentence,
    first_line,
    fits,
    lines,
    screens,
    split_words,
    width,
)

TEXTS = st.lists(
    st.sampled_from(
        ["och", "det", "är", "en", "ny", "dag,", "i", "Sundsvall", "som", "slut.", "–", "Riksdagsledamöterna"]
    )
    | st.text("aå.,", min_size=1, max_size=60),
    min_size=1,
    max_size=40,
)


def halves(text: str, language: str | None) -> list[str]:
    words = text.split()
    at = first_line(words, " ", language)
    return [" ".join(part) for part in (words[:at], words[at:]) if part]


@pytest.mark.parametrize("word", ["slut.", "va?", "ja!", "nej…", 'så."', "här.)", "雨。", "क्या।", "រ។", "ပါ။", "ད།"])
def test_words_that_end_a_sentence(word: str) -> None:
    assert ends_sentence(word)


@pytest.mark.parametrize("word", ["slut", "ja,", "12.30", "–", "", '"', "S:t"])
def test_words_that_do_not_end_a_sentence(word: str) -> None:
    assert not ends_sentence(word)


def test_abbreviations_of_the_language_do_not_end_a_sentence() -> None:
    assert not ends_sentence("t.ex.", "sv")
    assert not ends_sentence("Dr.", "en")
    assert ends_sentence("Dr.", "fi")


@pytest.mark.parametrize(
    ("before", "after", "language", "found"),
    [
        ("slut.", "Och", "sv", Break.SENTENCE),
        ("dag,", "och", "sv", Break.CLAUSE),
        ("dag”,", "sade", "sv", Break.CLAUSE),
        ("dag", "–", "sv", Break.CLAUSE),
        ("dag", "och", "sv", Break.PHRASE),
        ("bilen", "som", "sv", Break.PHRASE),
        ("house", "near", "en", Break.PHRASE),
        ("röd", "bil", "sv", Break.WORDS),
        ("en", "bil", "sv", Break.LEANING),
        ("I", "Sundsvall", "sv", Break.LEANING),
        ("som", "i", "sv", Break.LEANING),
        ("The", "house", "en", Break.LEANING),
        ("had", "gone", "en", Break.LEANING),
        ("Dr.", "Smith", "en", Break.LEANING),
        ("en", "bil", None, Break.WORDS),
        ("talo,", "ja", "fi", Break.CLAUSE),
    ],
)
def test_quality_of_breaks(before: str, after: str, language: str | None, found: Break) -> None:
    assert break_between(before, after, language) is found


@pytest.mark.parametrize(
    ("language", "upper", "lower"),
    [
        ("sv", "Regnet drar bort österut under dagen,", "och i kväll klarnar det upp."),
        ("sv", "Vi återkommer till det senare", "i sändningen när vi vet mer om vad"),
        ("sv", "Polisen söker efter en man", "i trettioårsåldern som sågs lämna platsen"),
        ("en", "when we know what has happened out there", "on the ice near the old lighthouse."),
        ("fi", "kun tiedämme enemmän siitä mitä jäällä", "on oikeastaan eilen illalla tapahtunut"),
    ],
)
def test_lines_are_phrases_of_similar_length(language: str, upper: str, lower: str) -> None:
    assert halves(f"{upper} {lower}", language) == [upper, lower]


def test_short_text_has_one_line() -> None:
    assert halves("God morgon, klockan är åtta.", "sv") == ["God morgon, klockan är åtta."]


def test_full_screen_is_cut_in_its_second_half() -> None:
    words = [
        "men",
        "oppositionen",
        "säger",
        "att",
        "pengarna",
        "i",
        "stället",
        "borde",
        "gå",
        "till",
        "sjukvården",
        "och",
        "skolan",
        "som",
        "har",
    ]
    assert " ".join(words[cut(words, " ", "sv") :]) == "som har"
    assert cut(["a" * 50, "b" * 50, "c" * 50]) == 2


def test_end_of_a_sentence_is_not_left_alone() -> None:
    words = [
        "Undersökningen",
        "visar",
        "tydligt",
        "hur",
        "mycket",
        "snabbare",
        "arbetet",
        "blev",
        "efter",
        "bytet",
        "till",
        "ny",
        "utrustning",
        "här.",
    ]
    assert " ".join(words[cut(words, " ", "sv") :]) == "till ny utrustning här."


def test_scripts_without_spaces_are_broken_between_words() -> None:
    words = ["今日"] * 20
    assert fits(words, "")
    assert not fits([*words, "今日"], ""), "each is as wide as two letters"
    assert first_line(words, "", "ja") == 10


@pytest.mark.parametrize(
    ("text", "wide"), [("Vädret", 6), ("A\u030angström", 8), ("今日は。", 8), ("안녕 NHK", 8), ("ที่นี่", 2), ("", 0)]
)
def test_width_of_text(text: str, wide: int) -> None:
    assert width(text) == wide


@given(TEXTS, st.sampled_from(["sv", "en", None]))
def test_text_that_fits_has_two_lines_within_the_limit(texts: list[str], language: str | None) -> None:
    if not fits(texts):
        return
    at = first_line(texts, " ", language)
    assert 1 <= at <= len(texts)
    for line in (texts[:at], texts[at:]):
        assert len(" ".join(line)) <= LINE_CHARACTERS or len(line) == 1


@given(TEXTS, st.sampled_from(["sv", "en", None]))
def test_overflowing_text_is_cut_to_fit(texts: list[str], language: str | None) -> None:
    for count in range(2, len(texts) + 1):
        if fits(texts[: count - 1]) and not fits(texts[:count]):
            at = cut(texts[:count], " ", language)
            assert 1 <= at < count
            assert fits(texts[:at])
            assert fits(texts[at:count])


@given(TEXTS, st.booleans())
def test_lines_contain_the_whole_text_at_two_per_screen(words: list[str], growing: bool) -> None:
    text = " ".join(words)
    found = lines(text, words, "sv", growing=growing)
    assert " ".join(found) == " ".join(split_words(text, words)[0])
    assert len(found) <= LINES * len(screens(words, " ", "sv"))
    assert all(len(line) <= LINE_CHARACTERS or " " not in line for line in found)


@given(TEXTS)
def test_screens_show_every_word_and_fit(words: list[str]) -> None:
    counts = screens(words, " ", "sv")
    assert sum(counts) == len(words)
    for number, count in enumerate(counts):
        first = sum(counts[:number])
        assert count
        assert fits(words[first : first + count])


def test_break_of_a_growing_line_stays_while_there_is_room() -> None:
    words = ["Enligt", "borgmästaren", "i", "Malmö", "är", "det", "klart", "att", "arbetet", "nästan", "är", "färdigt."]
    grown = [words[:end] for end in range(8, len(words) + 1)]
    assert len(" ".join(grown[0])) > LINE_CHARACTERS
    assert {first_line(some, " ", "sv", growing=True) for some in grown} == {7}
    assert {first_line(some, " ", "sv") for some in grown} == {2, 4, 7}


def test_recognised_words_determine_the_separator() -> None:
    assert lines("今日は雨。", ["今日", "は", "雨。"], "ja") == ["今日は雨。"]
    assert split_words("今日は雨。", ["今日", "は", "雨。"]) == (["今日", "は", "雨。"], "")
    assert split_words("en två", ["fel"]) == (["en", "två"], " ")
    assert lines("") == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("th", "ฝนตกหนักทางภาคใต้|และภาคตะวันออก |กรมอุตุนิยมวิทยา|เตือนน้ำท่วม"),
        ("th", "ก|ร|ม|อุ|ตุ|นิ|ย|ม|วิ|ท|ยา|เตื|อน|น้ำ|ท่|ว|ม|ฉั|บ|พ|ลัน |วันนี้|อุณหภูมิ|สูง|มาก|ใน|หลาย|พื้นที่"),
        ("km", "ថ្ងៃ|នេះ|មេឃ|ភ្លៀង|ខ្លាំង|នៅ|ភ្នំពេញ។ |ប្រជាជន|ត្រូវ|ប្រុង|ប្រយ័ត្ន"),
        (
            "zh",
            "气象台|今天|发布|暴雨|蓝色|预警|信号，|预计|未来|华北|南部|和|黄淮|有|大到|暴雨",
        ),
    ],
)
def test_spaceless_text_is_broken_at_spaces_and_after_punctuation(language: str, text: str) -> None:
    heard = text.replace(" |", "| ").split("|")
    text = "".join(heard)
    first, second = lines(text, heard, language)
    assert text in (f"{first} {second}", first + second)
    assert text[len(first)] == " " or first.endswith("，")
    assert split_words(text, heard) == (heard, "")


def test_names_in_scripts_with_spaces_are_kept_together() -> None:
    assert break_between(" New", " York", "ja") is Break.WORDS
    assert break_between(" York", " の", "ja") is Break.PHRASE
