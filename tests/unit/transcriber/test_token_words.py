"""Grouping tokens into words: by spaces or characters, with their punctuation."""

from __future__ import annotations

import pytest

from transcriber.orthography import join_words
from transcriber.whisper.token_words import words_of


class Pieces:
    """A tokenizer whose tokens are these pieces of UTF-8."""

    def __init__(self, *pieces: str | bytes) -> None:
        self.pieces = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]

    def words(self, language: str | None = "sv") -> list[str]:
        return [span.text for span in self.spans(language)]

    def spans(self, language: str | None = "sv"):  # type: ignore[no-untyped-def]
        return words_of(range(len(self.pieces)), self.decode, language)

    def decode(self, tokens: list[int]) -> str:
        return b"".join(self.pieces[token] for token in tokens).decode(errors="replace")


def test_words_begin_at_spaces() -> None:
    pieces = Pieces(" Klo", "ck", "an", " är", " åt", "ta")
    assert pieces.words() == ["Klockan", "är", "åtta"]
    assert [(span.first, span.end) for span in pieces.spans()] == [(0, 3), (3, 4), (4, 6)]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ((" Hej", ",", " du", "."), ["Hej,", "du."]),
        ((" S", ":", "t", " Eriks", "-", "plan"), ["S:t", "Eriks-plan"]),
        ((" kl", ".", " 12", ".", "30"), ["kl.", "12.30"]),
        ((" (", "Ja", ")", " sa", ' "', "hon", '"'), ["(Ja)", "sa", '"hon"']),
        ((" it", "'s", " 3", "%"), ["it's", "3%"]),
        ((" –", " Nej", "…"), ["–", "Nej…"]),
        ((" ", "ord"), ["ord"]),
        ((" ",), []),
        ((), []),
    ],
)
def test_punctuation_stays_with_its_word(pieces: tuple[str, ...], words: list[str]) -> None:
    assert Pieces(*pieces).words() == words


def test_a_character_may_be_spread_over_tokens() -> None:
    å = "å".encode()
    pieces = Pieces(b" ", å[:1], å[1:], b"t", " ö")
    assert pieces.words() == ["åt", "ö"]
    assert pieces.spans()[0].end == 4


def test_incomplete_character_does_not_swallow_the_rest() -> None:
    assert "".join(Pieces(" a", b"\xc3", " b").words()).startswith("a")
    assert Pieces(" a", b"\xc3").words()[0].startswith("a")


def test_languages_without_spaces_are_split_by_character() -> None:
    assert Pieces("今日", "は", "、", "雨", "。").words("ja") == ["今日", "は、", "雨。"]
    kanji = "雨".encode()
    assert Pieces(kanji[:1], kanji[1:], "が").words("zh") == ["雨", "が"]


# As split by Whisper's tokenizer: in Thai and Khmer into parts of syllables, with a space before the text after it.
@pytest.mark.parametrize(
    ("language", "pieces", "words"),
    [
        ("th", ("น", "้", "ำ", "ท", "่", "ว", "ม", " ท", "ี่", "เ", "มือง"), ["น้ำ", "ท่", "ว", "ม", " ที่", "เมือง"]),
        ("lo", ("ສ", "ະ", "ບ", "າ", "ຍ", "ດ", "ີ", " ມື", "້"), ["ສະ", "ບາ", "ຍ", "ດີ", " ມື້"]),
        ("km", ("ខ", "្", "ញ", "ុ", "ំ", " ទ", "ៅ", "ផ", "្", "ស", "ា", "រ", "។"), ["ខ្ញុំ", " ទៅ", "ផ្សា", "រ។"]),
        ("my", ("မ", "င", "်", "္", "ဂ", "လ", "ာ", "ပ", "ါ", "။", " ဒ", "ီ"), ["မ", "င်္ဂ", "လာ", "ပါ။", " ဒီ"]),
        ("bo", ("བ", "ོ", "ད", "་", "ཀ", "ྱ", "ི", "་", "ར", "ེ", "ད", "།"), ["བོ", "ད་", "ཀྱི་", "རེ", "ད།"]),
        ("zh", ("他", "在", " New", " York", " 用", " i", "Phone", "。", " (", "2", "5", "度", ")"),
         ["他", "在", " New", " York", " 用", " iPhone。", " (25", "度)"]),
        ("yue", (" 去", " Central", " ", "食", "飯", "，", " "), ["去", " Central", " 食", "飯，"]),
    ],
)  # fmt: skip
def test_without_word_spaces_syllables_and_written_spaces_are_kept(
    language: str, pieces: tuple[str, ...], words: list[str]
) -> None:
    assert Pieces(*pieces).words(language) == words
    assert join_words(words, language) == "".join(pieces).strip()


def test_every_token_belongs_to_one_word() -> None:
    pieces = Pieces(" Hej", ",", " du", " (", "där", ")", ".")
    covered = [token for span in pieces.spans() for token in range(span.first, span.end)]
    assert covered == list(range(7))
