"""Tokens are grouped into words, each with the punctuation that belongs to it.

As in openai/whisper's tokenizer.py and timing.py, a token may be a part of a character only, and in languages without
spaces every whole character is a word with the punctuation around it. Elsewhere a word is what stands between spaces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wire.languages import SPACELESS

#: What an incomplete character decodes to.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

#: Marks that belong to what comes after them.
_OPENING = "“‘¿¡([{«„「『（"


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """A word as it is written, and its tokens: from `first` to before `end`."""

    text: str
    first: int
    end: int


def words_of(tokens: Sequence[int], decode: Callable[[list[int]], str], language: str | None) -> list[TokenSpan]:
    """The words that text tokens spell. Every token belongs to one of them, unless it is only space."""
    characters = _whole_characters(tokens, decode)
    spans = _with_punctuation(characters) if language in SPACELESS else _split_at_spaces(characters)
    readable = (TokenSpan(_readable(span.text), span.first, span.end) for span in spans)
    return [span for span in readable if span.text]


def _readable(text: str) -> str:
    """A word without space around it, and without characters that the model began and did not end."""
    return text.replace(_REPLACEMENT, "").strip()


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


def _with_punctuation(characters: Sequence[TokenSpan]) -> list[TokenSpan]:
    """Opening marks join the character behind them, all others the one before."""
    words: list[TokenSpan] = []
    for span in characters:
        opens = bool(words) and all(c in _OPENING for c in words[-1].text)
        closes = bool(words) and all(unicodedata.category(c).startswith("P") for c in span.text)
        if opens or closes:
            words[-1] = TokenSpan(words[-1].text + span.text, words[-1].first, span.end)
        else:
            words.append(span)
    return words
