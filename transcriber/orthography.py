"""How languages write words: with or without spaces between them, and when two spellings are the same word."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from wire.breaks import CLAUSE_ENDS, CLOSERS, SENTENCE_ENDS
from wire.languages import SPACELESS, apart

#: Punctuation after words: ends of sentences and clauses, closing quotation marks and brackets.
_BEHIND_WORDS = "".join(SENTENCE_ENDS | CLAUSE_ENDS) + CLOSERS


def separator(language: str | None) -> str:
    """The separator of words in a language; if it is empty, a "word" is a character or a syllable."""
    return "" if language in SPACELESS else " "


def written(words: Iterable[str], language: str | None) -> list[str]:
    """Words as written on a line: the first one without a leading space.

    In a language without spaces, restore the space between two words that need one if the border of two windows removed
    it.
    """
    found: list[str] = []
    for word in words:
        missing = found and not separator(language) and apart(found[-1], word)
        found.append(f" {word}" if missing else word if found else word.lstrip())
    return found


def joined(words: Iterable[str], language: str | None) -> str:
    """Join words into a line of text."""
    return separator(language).join(written(words, language))


def bare(word: str) -> str:
    """A word without punctuation at its end; a word of nothing else is unchanged."""
    return word.rstrip(_BEHIND_WORDS) or word


def normalised(word: str) -> str:
    """A word without case and punctuation, for comparison; empty if it is only punctuation."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMNS")
