"""Detects transcripts written unlike captions: all in capitals, or without capitals and punctuation.

Error rates ignore case and punctuation, but readers of the model's captions see the difference.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

#: Minimum number of words of a text that is considered, and minimum share of the texts that must be written so.
_MIN_WORDS, _MIN_SHARE = 3, 0.9


def note(source: str, texts: Iterable[str]) -> str:
    """Return a sentence about the style of a source's transcripts; empty if it is that of captions."""
    styles = [_style(text) for text in texts if len(text.split()) >= _MIN_WORDS]
    for style in ("all in capitals", "without capitals and punctuation"):
        if styles and styles.count(style) >= _MIN_SHARE * len(styles):
            return f"{source}: its transcripts are {style}, and a model trained on them writes like that."
    return ""


def _style(text: str) -> str:
    if text.upper() == text != text.lower():
        return "all in capitals"
    if text.lower() != text or text == text.upper():
        return ""
    marked = any(unicodedata.category(character)[0] == "P" and character not in "'-" for character in text)
    return "" if marked else "without capitals and punctuation"
