"""Texts that are not written as captions are: all in capitals, or without capitals and punctuation.

Error rates do not see it, as they compare without either; whoever reads the captions of the model does.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

#: Words that a text has at least before its manner says something, and share of the texts of which it must be so.
_WORDS, _MOST = 3, 0.9


def note(source: str, texts: Iterable[str]) -> str:
    """What a model learns of a source's texts besides words, in a sentence; empty: nothing worth telling."""
    found = [_manner(text) for text in texts if len(text.split()) >= _WORDS]
    for manner in ("in capitals alone", "without capitals and punctuation"):
        if found and found.count(manner) >= _MOST * len(found):
            return f"{source}: its texts are {manner}, and a model that is trained on them writes so."
    return ""


def _manner(text: str) -> str:
    if text.upper() == text != text.lower():
        return "in capitals alone"
    plain = text.lower() == text != text.upper()
    marked = any(unicodedata.category(character)[0] == "P" and character not in "'-" for character in text)
    return "without capitals and punctuation" if plain and not marked else ""
