"""A caption whose text a person has corrected: its words, with the times at which they were heard. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

from wire.breaks import words_of
from wire.languages import UNSPACED
from wire.messages import Caption, Word

# What a text without spaces between its words is counted in: characters, with what is written above, below and behind
# them, and brackets before; of other scripts whole words.
_OPENERS = re.escape("“‘«([{「『《〈（")
_PARTS = re.compile(rf"\s*[{_OPENERS}]*(?:(?:(?!{UNSPACED.pattern})\w)+|\S)[^\w\s{_OPENERS}]*")

#: Speech is slower than that, in seconds a character: words that were not heard need as much.
A_CHARACTER_S = 0.04


def corrected(caption: Caption, text: str) -> Caption:
    """The caption with another text; an empty one withdraws it.

    Words that stay, and those that come in the place of as many, keep their times. Others share the time of those whose
    place they take, or the silence in which they come, each as much as its length; where that is too short, the time of
    the word before, too. None has a confidence: no model has heard it.
    """
    spelt, separator = words_of(caption.text, [word.text for word in caption.words])
    words: tuple[Word, ...] = ()
    if spelt == [word.text for word in caption.words]:  # of some captions the model tells no words, or others
        heard, found = caption.words, text.split()
        if not separator or (len(heard) < 2 and UNSPACED.search(text)):  # of a single one nobody sees what is between
            heard, found = tuple(_apart(heard)), _PARTS.findall(text)
        words = tuple(_timed(caption, heard, found))
    return replace(caption, text=text, words=words, corrected=True)


def _apart(words: Sequence[Word]) -> Iterator[Word]:
    """Words of a script without spaces in the parts in which a text of it is counted."""
    for word in words:
        yield from _shared(_PARTS.findall(word.text), word.start_s, word.end_s)


def _timed(caption: Caption, heard: Sequence[Word], spelt: Sequence[str]) -> list[Word]:
    """The words of the new text with their times."""
    same = SequenceMatcher(None, [_key(word.text) for word in heard], [_key(text) for text in spelt], autojunk=False)
    found: list[Word] = []
    for _, begin, end, first, last in same.get_opcodes():
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
        found += _shared(texts, start_s, end_s)
    return found


def _shared(spelt: Sequence[str], start_s: float, end_s: float) -> Iterator[Word]:
    """Words that share a time, each as much as its length."""
    a_character_s = max(0.0, end_s - start_s) / max(1, sum(map(len, spelt)))
    ends_s = [start_s + said * a_character_s for said in accumulate(map(len, spelt), initial=0)]
    for text, (begin_s, over_s) in zip(spelt, pairwise(ends_s), strict=True):
        yield Word(text, round(begin_s, 3), round(over_s, 3))


def _key(word: str) -> str:
    """A word without the marks around it and its capitals, in which a correction often differs alone."""
    return "".join(character for character in word.casefold() if character.isalnum()) or word
