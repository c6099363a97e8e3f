"""Tokens are grouped into words, each with the punctuation that belongs to it.

As in openai/whisper's tokenizer.py and timing.py, a token may be a part of a character only, and in languages without
spaces every whole character is a word with the punctuation around it. Elsewhere a word is what stands between spaces,
and so is one of such a script among others. A space that is written there is kept, at the beginning of its word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wire.languages import SPACELESS, apart

#: What an incomplete character decodes to.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

#: Marks that belong to what comes after them.
_OPENING = "“‘¿¡([{«„「『（"

#: Letters that are written before the one behind which they are spoken: vowels of Thai and Lao (Unicode's Logical Order
#: Exception), and signs of Khmer and Burmese that put the next letter below (Invisible Stacker).
_BEFORE = "เแโใไເແໂໃໄ\u17d2\u1039"
#: Letters that go on the one before, as marks do: vowels and signs of repetition of Thai and Lao.
_BEHIND = "ะาำๅๆฯະາຳຽໆຯ"


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """A word as it is written, and its tokens: from `first` to before `end`."""

    text: str
    first: int
    end: int


def words_of(tokens: Sequence[int], decode: Callable[[list[int]], str], language: str | None) -> list[TokenSpan]:
    """The words that text tokens spell. Every token belongs to one of them, unless it is only space."""
    characters = _whole_characters(tokens, decode)
    spaceless = language in SPACELESS
    words: list[TokenSpan] = []
    for span in _by_character(characters) if spaceless else _split_at_spaces(characters):
        # Without characters that the model began and did not end.
        text = span.text.replace(_REPLACEMENT, "")
        space = " " if spaceless and words and text[:1].isspace() else ""
        if bare := text.strip():
            words.append(TokenSpan(space + bare, span.first, span.end))
    return words


def _whole_characters(tokens: Sequence[int], decode: Callable[[list[int]], str]) -> list[TokenSpan]:
    """The shortest runs of tokens that decode to whole characters."""
    whole = decode(list(tokens))
    spans: list[TokenSpan] = []
    first, offset = 0, 0
    for end in range(1, len(tokens) + 1):
        text = decode(list(tokens[first:end]))
        broken = text.find(_REPLACEMENT)
        # A replacement character that the whole text has at this place, too, was written by the model.
        if broken < 0 or whole[offset + broken : offset + broken + 1] == _REPLACEMENT:
            spans.append(TokenSpan(text, first, end))
            first, offset = end, offset + len(text)
    if first < len(tokens):
        spans.append(TokenSpan(decode(list(tokens[first:])), first, len(tokens)))
    return spans


def _split_at_spaces(characters: Sequence[TokenSpan]) -> list[TokenSpan]:
    words: list[TokenSpan] = []
    for span in characters:
        if not words or span.text[:1].isspace() or not words[-1].text.strip():
            words.append(span)
        else:
            words[-1] = TokenSpan(words[-1].text + span.text, words[-1].first, span.end)
    return words


def _by_character(characters: Sequence[TokenSpan]) -> list[TokenSpan]:
    """Opening marks join the character behind them, all others the one before; words with spaces around are whole."""
    words: list[TokenSpan] = []
    for span in characters:
        if words and (_opens(words[-1].text) or _goes_on(words[-1].text, span.text)):
            words[-1] = TokenSpan(words[-1].text + span.text, words[-1].first, span.end)
        else:
            words.append(span)
    return words


def _opens(before: str) -> bool:
    """Whether a text belongs to what comes behind it: it is a space, an opening mark, or half of a syllable."""
    return all(c in _OPENING for c in before.strip()) or before[-1] in _BEFORE


def _goes_on(before: str, text: str) -> bool:
    """Whether a text belongs to what comes before it: it is punctuation, or cannot begin a syllable, or a word."""
    closes = all(unicodedata.category(c).startswith("P") for c in text)
    return closes or unicodedata.category(text[0]).startswith("M") or text[0] in _BEHIND or apart(before, text)
