"""A caption whose text a person has corrected: its new words, with the times of the original ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

from wire.breaks import words_of
from wire.languages import UNSPACED
from wire.messages import Caption, Word

# The units of a text without spaces between its words: characters, with the marks above, below and after them, and the
# brackets before them. Of other scripts, whole words.
_OPENERS = re.escape("“‘«([{「『《〈（")
_PARTS = re.compile(rf"\s*[{_OPENERS}]*(?:(?:(?!{UNSPACED.pattern})\w)+|\S)[^\w\s{_OPENERS}]*")

#: Shortest time of a character that was not recognised, in seconds: nobody speaks faster.
A_CHARACTER_S = 0.04


def corrected(caption: Caption, text: str) -> Caption:
    """The caption with another text; an empty text withdraws it.

    Words that stay, and words that replace as many others, keep their times. Other words share the time of those they
    replace, or the silence they are inserted in, in proportion to their lengths; if that is too short, the time of the
    word before as well. They have no confidence: no model has recognised them.
    """
    spelt, separator = words_of(caption.text, [word.text for word in caption.words])
    words: tuple[Word, ...] = ()
    if spelt == [word.text for word in caption.words]:  # some have no words, or others than the text
        heard, found = caption.words, text.split()
        if not separator or (len(heard) < 2 and UNSPACED.search(text)):  # a single word does not show its separator
            heard, found = tuple(_split(heard)), _PARTS.findall(text)
        words = tuple(_align(caption, heard, found))
    return replace(caption, text=text, words=words, corrected=True)


def _split(words: Sequence[Word]) -> Iterator[Word]:
    """Split words of a script without spaces into the units of its text."""
    for word in words:
        yield from _spread(_PARTS.findall(word.text), word.start_s, word.end_s)


def _align(caption: Caption, heard: Sequence[Word], spelt: Sequence[str]) -> list[Word]:
    """The words of the new text with their times."""
    matcher = SequenceMatcher(None, [_key(word.text) for word in heard], [_key(text) for text in spelt], autojunk=False)
    found: list[Word] = []
    for _, begin, end, first, last in matcher.get_opcodes():
        texts, taken = spelt[first:last], heard[begin:end]
        if len(texts) == len(taken):
            found += [replace(word, text=text, confidence=None) for word, text in zip(taken, texts, strict=True)]
            continue
        if taken:
            start_s, end_s = taken[0].start_s, taken[-1].end_s
        else:
            start_s = heard[begin - 1].end_s if begin else caption.start_s
            end_s = heard[end].start_s if end < len(heard) else caption.end_s
            if found and end_s - start_s < A_CHARACTER_S * len("".join(texts)):
                texts, start_s = spelt[first - 1 : last], found.pop().start_s
        found += _spread(texts, start_s, end_s)
    return found


def _spread(spelt: Sequence[str], start_s: float, end_s: float) -> Iterator[Word]:
    """Words that share a time span in proportion to their lengths."""
    a_character_s = max(0.0, end_s - start_s) / max(1, sum(map(len, spelt)))
    ends_s = [start_s + said * a_character_s for said in accumulate(map(len, spelt), initial=0)]
    for text, (begin_s, over_s) in zip(spelt, pairwise(ends_s), strict=True):
        yield Word(text, round(begin_s, 3), round(over_s, 3))


def _key(word: str) -> str:
    """A word without punctuation and capitals, which are often all that a correction changes."""
    return "".join(character for character in word.casefold() if character.isalnum()) or word
