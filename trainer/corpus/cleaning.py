"""Text as it is to be written: one way to write each space, quotation mark and dash; letters and case stay.

NFC first: a decomposed å is two code points, which a tokenizer spells with other tokens than those of å.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: Directly inside « », French has a space, which no other language's quotation marks have.
_GUILLEMETS = re.compile(r"«\s*([^«»]*?)\s*»")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WRITTEN = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»＂", '"'),
        **dict.fromkeys("‘’‚‛‹›", "'"),
        **dict.fromkeys("‐‑", "-"),
        **dict.fromkeys("‒–—―⸺", "–"),
        "…": "...",
        # Nothing to see and nothing to hear: soft hyphen, zero-width space, direction marks, byte order mark. The
        # zero-width joiners stay: words of Persian and Hindi are spelt with them.
        **dict.fromkeys("\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"),
    }
)


def clean(text: str) -> str:
    """NFC, single spaces, plain quotes and dashes. Cleaning what is clean changes nothing."""
    text = _GUILLEMETS.sub(r'"\1"', unicodedata.normalize("NFC", text)).translate(_WRITTEN)
    return " ".join(_CONTROL.sub(" ", text).split())


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit in any script."""
    return any(unicodedata.category(char)[0] in "LN" for char in text)


def spoken_length(text: str) -> int:
    """How long a text takes to say, in letters of an alphabet: a digit or a sign of a syllable is worth three."""
    return sum(_weight(char) for char in text)


@cache
def _weight(char: str) -> int:
    category = unicodedata.category(char)
    if category[0] == "N":
        return 3
    if category[0] != "L":
        return 0
    # Other letters: those without case. Han, kana and hangul are syllables; Hebrew, Arabic and Thai letters are not.
    return 3 if category == "Lo" and unicodedata.east_asian_width(char) in "WF" else 1
