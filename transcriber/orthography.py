"""How languages write words: spaces between them or not, and when two spellings are the same word."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from wire.breaks import CLAUSE_ENDS, CLOSERS, SENTENCE_ENDS
from wire.languages import SPACELESS, apart

#: Marks that end sentences and clauses, and quotations and brackets.
_BEHIND_WORDS = "".join(SENTENCE_ENDS | CLAUSE_ENDS) + CLOSERS


def separator(language: str | None) -> str:
    """What stands between two words of a language; where that is nothing, a "word" is a character or a syllable."""
    return "" if language in SPACELESS else " "


def written(words: Iterable[str], language: str | None) -> list[str]:
    """Words as they stand on a line: the first without the space that stood before it in what was heard.

    Of two words of a script with spaces, among others without, a border of windows may have taken theirs.
    """
    found: list[str] = []
    for word in words:
        missing = found and not separator(language) and apart(found[-1], word)
        found.append(f" {word}" if missing else word if found else word.lstrip())
    return found


def joined(words: Iterable[str], language: str | None) -> str:
    """Words as a line of text."""
    return separator(language).join(written(words, language))


def bare(word: str) -> str:
    """A word without what a sentence puts behind it; one that is nothing else as it is."""
    return word.rstrip(_BEHIND_WORDS) or word


def normalised(word: str) -> str:
    """A word without case and punctuation, to be compared; empty for one that is only punctuation."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMNS")
