"""Group tokens into words, each with its punctuation.

As in openai/whisper's tokenizer.py and timing.py, a token may be only a part of a character, and in languages without
spaces every whole character is a word, with the punctuation around it. In other languages, and for words in a script
with spaces within a language without, a word is the text between spaces. In a language without spaces, a written space
is kept at the beginning of its word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wire.languages import SPACELESS, needs_space

#: Decoded form of an incomplete character.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

#: Punctuation that belongs to the word after it.
_OPENING = "“‘¿¡([{«„「『（"

#: Letters that are written before the letter after which they are spoken: vowels of Thai and Lao (Unicode's Logical
#: Order Exception); and signs of Khmer and Burmese that stack the next letter below (Invisible Stacker).
_LEADING = "เแโใไເແໂໃໄ\u17d2\u1039"
#: Letters that belong to the one before, like combining marks: vowels and repetition signs of Thai and Lao.
_TRAILING = "ะาำๅๆฯະາຳຽໆຯ"


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """A word as written, and its tokens: from `first` to before `end`."""

    text: str
    first: int
    end: int


def words_of(tokens: Sequence[int], decode: Callable[[list[int]], str], language: str | None) -> list[TokenSpan]:
    """Group text tokens into words. Every token belongs to one of them, unless it is only space."""
    characters = _whole_characters(tokens, decode)
    spaceless = language in SPACELESS
    words: list[TokenSpan] = []
    for span in _by_character(characters) if spaceless else _split_at_spaces(characters):
        # Remove incomplete characters.
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
        # If the whole text also has a replacement character here, the model wrote it.
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
    """One word per character; opening marks join the next, others the previous; space-separated words stay whole."""
    words: list[TokenSpan] = []
    for span in characters:
        if words and (_opens(words[-1].text) or _continues(words[-1].text, span.text)):
            words[-1] = TokenSpan(words[-1].text + span.text, words[-1].first, span.end)
        else:
            words.append(span)
    return words


def _opens(before: str) -> bool:
    """Whether a text belongs to the text after it: it is a space, an opening mark, or half of a syllable."""
    return all(c in _OPENING for c in before.strip()) or before[-1] in _LEADING


def _continues(before: str, text: str) -> bool:
    """Whether a text belongs to the text before it: it is punctuation, or cannot begin a syllable, or a word."""
    closes = all(unicodedata.category(c).startswith("P") for c in text)
    return closes or unicodedata.category(text[0]).startswith("M") or text[0] in _TRAILING or needs_space(before, text)
