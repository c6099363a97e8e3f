"""Normalizes transcripts: one form of each space, quotation mark and dash; letters and case are unchanged.

NFC comes first: a decomposed å is two code points, which a tokenizer encodes differently from å.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: French has spaces inside « », unlike other languages with their quotation marks.
_GUILLEMETS = re.compile(r"«\s*([^«»]*?)\s*»")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WRITTEN = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»＂", '"'),
        **dict.fromkeys("‘’‚‛‹›", "'"),
        **dict.fromkeys("‐‑", "-"),
        **dict.fromkeys("‒–—―⸺", "–"),
        "…": "...",
        # Invisible: soft hyphen, zero-width space, direction marks, byte order mark. Zero-width joiners stay: Persian
        # and Hindi words are spelt with them.
        **dict.fromkeys("\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"),
    }
)


def clean(text: str) -> str:
    """Apply NFC, and use single spaces, plain quotes and dashes. Idempotent."""
    text = _GUILLEMETS.sub(r'"\1"', unicodedata.normalize("NFC", text)).translate(_WRITTEN)
    return " ".join(_CONTROL.sub(" ", text).split())


def has_words(text: str) -> bool:
    """Whether a text has a letter or digit of any script."""
    return any(unicodedata.category(char)[0] in "LN" for char in text)


def spoken_length(text: str) -> int:
    """Estimate the speaking time of a text in letters of an alphabet; a digit or syllabic character counts as three."""
    return sum(_weight(char) for char in text)


@cache
def _weight(char: str) -> int:
    category = unicodedata.category(char)
    if category[0] == "N":
        return 3
    if category[0] != "L":
        return 0
    # Lo: letters without case. Han, kana and hangul characters are syllables; Hebrew, Arabic and Thai letters are not.
    return 3 if category == "Lo" and unicodedata.east_asian_width(char) in "WF" else 1
