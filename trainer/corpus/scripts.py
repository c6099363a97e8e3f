"""Which script a text is in, and whether its language is written in it.

No table says which language has which script: the corpus itself does. A script that has less than `RARE_PERCENT` of a
language's letters is strange to it, so Serbian may have two and Japanese three.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

RARE_PERCENT = 3.0
#: Letters of a language that must have been read before any script is called strange.
ENOUGH_LETTERS = 500


@cache
def script(char: str) -> str:
    """The script of a letter: the first word of its name in Unicode (LATIN, CYRILLIC, CJK …); empty for all else."""
    if unicodedata.category(char)[0] != "L":
        return ""
    return unicodedata.name(char, "").partition(" ")[0].partition("-")[0]


class Scripts:
    """What scripts the languages of a corpus are written in.

    Args:
        texts: language and text of each clip.
    """

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        chars: dict[str, Counter[str]] = {}
        for language, text in texts:
            chars.setdefault(language, Counter()).update(text)
        self._usual = {language: _usual(counted) for language, counted in chars.items()}

    def strange(self, language: str, text: str) -> bool:
        """Whether most letters of a text are in scripts that its language is hardly ever written in."""
        usual = self._usual.get(language)
        if not usual:
            return False
        letters = [found for char in text if (found := script(char))]
        return 2 * sum(found not in usual for found in letters) > len(letters)


def _usual(chars: Counter[str]) -> frozenset[str]:
    """The scripts that are not rare; none if too little was read to say."""
    letters: Counter[str] = Counter()
    for char, count in chars.items():
        if found := script(char):
            letters[found] += count
    if letters.total() < ENOUGH_LETTERS:
        return frozenset()
    return frozenset(name for name, count in letters.items() if 100 * count >= RARE_PERCENT * letters.total())
