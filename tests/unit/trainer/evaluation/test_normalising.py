"""Text normalisation by language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.whisper.english_normalizer import BasicTextNormalizer

from trainer.evaluation.normalising import normaliser


def test_the_letters_of_swedish_are_kept() -> None:
    text = "  Vädret på Åland: KALLT, är det?"
    assert normaliser("sv")(text) == "vädret på åland kallt är det"
    assert BasicTextNormalizer(remove_diacritics=True)(text).split()[0] == "vadret"  # the trap


def test_a_letter_in_two_code_points_is_the_same_letter() -> None:
    assert normaliser("sv")("a\u030angest") == "ångest"


@pytest.mark.parametrize("text", ["नमस्ते दुनिया", "สวัสดี", "வணக்கம்"])
def test_vowels_that_are_marks_are_kept(text: str) -> None:
    assert normaliser("hi")(text + "!") == text
    assert BasicTextNormalizer()(text).split() != text.split()  # the trap


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("zh", "今天,天气好。", "今 天 天 气 好"),
        ("ja", "NHKです", "n h k で す"),
        ("th", "ที่นี่", "ที่ นี่"),
        ("km", "មេឃ។", "មេ ឃ"),
    ],
)
def test_without_spaces_each_character_is_a_word(language: str, text: str, words: str) -> None:
    normal = normaliser(language)
    assert normal(text) == words
    assert normal.characters(words) == words.replace(" ", "")
    assert "each character a word" in normal.name
    assert normaliser("ko").characters("안녕 하세요") == "안녕 하세요"


def test_a_combining_mark_is_removed_with_its_symbol() -> None:
    assert normaliser("sv")("♪\ufe0f hej ♪\ufe0f") == "hej"


def test_english_has_its_own_normaliser_if_the_checkpoint_has_its_table() -> None:
    english = normaliser("en", {"colour": "color"})
    assert english("It's twenty-one colours, the colour said") == "it is 21 colours the color said"
    assert "English" in english.name


def test_the_normaliser_is_named() -> None:
    assert normaliser("en").name == normaliser("sv", {"colour": "color"}).name == "BasicTextNormalizer, diacritics kept"


@given(st.text(alphabet="abcåäö ,.!?-ABCÅÄÖéø\n", max_size=60))
def test_latin_letters_are_normalised_as_in_whisper(text: str) -> None:
    assert normaliser("sv")(text) == " ".join(BasicTextNormalizer()(text).split())
