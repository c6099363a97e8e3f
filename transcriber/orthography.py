"""How languages write words: spaces between them or not, and when two spellings are the same word."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from wire.breaks import CLAUSE_ENDS, CLOSERS, SENTENCE_ENDS
from wire.languages import SPACELESS

#: Marks that end sentences and clauses, and quotations and brackets.
_BEHIND_WORDS = "".join(SENTENCE_ENDS | CLAUSE_ENDS) + CLOSERS


def separator(language: str | None) -> str:
    """What stands between two words of a language; where that is nothing, a "word" is a character or a syllable."""
    return "" if language in SPACELESS else " "


def joined(words: Iterable[str], language: str | None) -> str:
    """Words as a line of text."""
    return separator(language).join(words)


def bare(word: str) -> str:
    """A word without what a sentence puts behind it; one that is nothing else as it is."""
    return word.rstrip(_BEHIND_WORDS) or word


def normalised(word: str) -> str:
    """A word without case and punctuation, to be compared; empty for one that is only punctuation."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMNS")
