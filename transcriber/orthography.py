"""How languages write words: with or without spaces between them, and when two spellings are the same word."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from wire.breaks import CLAUSE_ENDS, CLOSERS, SENTENCE_ENDS
from wire.languages import SPACELESS, needs_space

#: Punctuation after words: ends of sentences and clauses, closing quotation marks and brackets.
_TRAILING_MARKS = "".join(SENTENCE_ENDS | CLAUSE_ENDS) + CLOSERS


def separator(language: str | None) -> str:
    """The separator of words in a language; if it is empty, a "word" is a character or a syllable."""
    return "" if language in SPACELESS else " "


def spaced(words: Iterable[str], language: str | None) -> list[str]:
    """Words as written on a line: the first one without a leading space.

    In a language without spaces, restore the space between two words that need one if the border of two windows removed
    it.
    """
    result: list[str] = []
    for word in words:
        missing = result and not separator(language) and needs_space(result[-1], word)
        result.append(f" {word}" if missing else word if result else word.lstrip())
    return result


def join_words(words: Iterable[str], language: str | None) -> str:
    """Join words into a line of text."""
    return separator(language).join(spaced(words, language))


def strip_punctuation(word: str) -> str:
    """A word without punctuation at its end; a word of nothing else is unchanged."""
    return word.rstrip(_TRAILING_MARKS) or word


def normalised(word: str) -> str:
    """A word without case and punctuation, for comparison; empty if it is only punctuation."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMNS")
