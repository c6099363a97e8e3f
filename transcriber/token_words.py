"""Tokens are grouped into words, each with the punctuation that belongs to it.

The rules are those of openai/whisper's tokenizer.py and timing.py: a token may be a part of a character only; a word
begins with a space, or, in languages without spaces, with every whole character; punctuation joins the word it is
written against.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transcriber.orthography import SPACELESS

#: What an incomplete character decodes to.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_OPENING = "\"'“¿([{-«„"
_CLOSING = "\"'.。,，!！?？:：”)]}、»…%"


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """A word as it is written, and its tokens: from `first` to before `end`."""

    text: str
    first: int
    end: int


def words_of(tokens: Sequence[int], decode: Callable[[list[int]], str], language: str | None) -> list[TokenSpan]:
    """The words that text tokens spell. Every token belongs to one of them, unless it is only space."""
    characters = _whole_characters(tokens, decode)
    spans = characters if language in SPACELESS else _split_at_spaces(characters)
    return [
        TokenSpan(span.text.strip(), span.first, span.end) for span in _with_punctuation(spans) if span.text.strip()
    ]


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
        punctuation = bool(span.text.strip()) and all(c in string.punctuation for c in span.text.strip())
        if not words or span.text[:1].isspace() or punctuation:
            words.append(span)
        else:
            words[-1] = TokenSpan(words[-1].text + span.text, words[-1].first, span.end)
    return words


def _with_punctuation(spans: Sequence[TokenSpan]) -> list[TokenSpan]:
    """Opening marks join the word behind them, closing marks and those inside a word the one before."""
    words: list[TokenSpan] = []
    for span in spans:
        before = words[-1] if words else None
        opens = before is not None and before.text.strip() != "" and all(c in _OPENING for c in before.text.strip())
        attached = not span.text[:1].isspace()
        closes = all(c in _CLOSING + string.punctuation for c in span.text)
        follows_mark = before is not None and before.text[-1:] in "-'’./:,_@&+" and attached
        if before is not None and attached and (opens or closes or follows_mark):
            words[-1] = TokenSpan(before.text + span.text, before.first, span.end)
        else:
            words.append(span)
    return words
