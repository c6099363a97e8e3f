"""Detects texts in a script that their language is not written in.

The scripts of a language are learnt from the corpus rather than from a table: a script with less than `RARE_PERCENT` of
a language's letters is foreign to it. Serbian may thus have two scripts, and Japanese three.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

RARE_PERCENT = 3.0
#: Minimum number of letters of a language before any script is considered foreign.
ENOUGH_LETTERS = 500


@cache
def script(char: str) -> str:
    """Return a letter's script, the first word of its Unicode name (LATIN, CJK …); empty for other characters."""
    if unicodedata.category(char)[0] != "L":
        return ""
    return unicodedata.name(char, "").partition(" ")[0].partition("-")[0]


class Scripts:
    """The scripts of the languages of a corpus.

    Args:
        texts: language and text of each clip.
    """

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        chars: dict[str, Counter[str]] = {}
        for language, text in texts:
            chars.setdefault(language, Counter()).update(text)
        self._usual = {language: _usual(counted) for language, counted in chars.items()}
        self._usual_chars = {
            language: frozenset(char for char in counted if (name := script(char)) in self._usual[language] or not name)
            for language, counted in chars.items()
        }

    def strange(self, language: str, text: str) -> bool:
        """Whether most letters of a text are in scripts that are rare in its language."""
        usual = self._usual.get(language)
        # Nearly every text has only usual characters: that is known without a look at each of them.
        if not usual or self._usual_chars[language].issuperset(text):
            return False
        letters = [name for char in text if (name := script(char))]
        return 2 * sum(name not in usual for name in letters) > len(letters)


def _usual(chars: Counter[str]) -> frozenset[str]:
    """Return the scripts that are not rare; an empty set if there is too little text."""
    letters: Counter[str] = Counter()
    for char, count in chars.items():
        if of_char := script(char):
            letters[of_char] += count
    if letters.total() < ENOUGH_LETTERS:
        return frozenset()
    return frozenset(name for name, count in letters.items() if 100 * count >= RARE_PERCENT * letters.total())
