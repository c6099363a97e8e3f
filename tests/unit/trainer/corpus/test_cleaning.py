"""Normalization of transcripts."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.corpus.cleaning import clean, has_words, spoken_length


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("  Hej   på\tdig!\n", "Hej på dig!"),
        (unicodedata.normalize("NFD", "Räksmörgås å Ö"), "Räksmörgås å Ö"),
        ("”Hej”, sa hon – och gick —", '"Hej", sa hon – och gick –'),
        ("„Ja“, it’s ‘fine’", "\"Ja\", it's 'fine'"),
        ("« Bonjour », dit-elle «là»", '"Bonjour", dit-elle "là"'),
        ("Han sa »hej» till mig", 'Han sa "hej" till mig'),
        ("so\u00adft zero\u200bwidth \ufeffmark", "soft zerowidth mark"),
        ("non\u2011breaking\u00a0space…", "non-breaking space..."),
        ("می\u200cخواهم", "می\u200cخواهم"),  # the joiner is part of the spelling
        ("Straße İstanbul, ÅÄÖ", "Straße İstanbul, ÅÄÖ"),  # case and letters stay
        ("п’ять об\u02bcєкт", "п'ять об\u02bcєкт"),
        ("null\x00byte", "null byte"),
    ],
)
def test_spaces_quotes_and_dashes_are_normalized(text: str, written: str) -> None:
    assert clean(text) == written


@given(st.text())
def test_cleaning_is_idempotent_and_keeps_letters(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)

    def letters(of: str) -> list[str]:
        return [char for char in unicodedata.normalize("NFC", of) if unicodedata.category(char)[0] in "LN"]

    assert letters(once) == letters(text)


@pytest.mark.parametrize(("text", "has"), [("", False), ("… ?!", False), ("♪", False), ("7", True), ("ไทย", True)])
def test_words_of_any_script_are_found(text: str, has: bool) -> None:
    assert has_words(text) is has


def test_digits_and_syllables_count_more() -> None:
    assert spoken_length("Hej, du!") == 5
    assert spoken_length("1984") == 12
    assert spoken_length("日本語") == 9
    assert spoken_length("שלום") == 4
