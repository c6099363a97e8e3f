"""A caption whose text a person has corrected: its words, with the times at which they were heard. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

from wire.breaks import words_of
from wire.messages import Caption, Word

#: What a text without spaces between its words is counted in: characters, but whole words of Latin letters.
_PARTS = re.compile(r"\s*(?:[0-9A-Za-z]+|\S)")


def corrected(caption: Caption, text: str) -> Caption:
    """The caption with another text; an empty one withdraws it.

    Words that stay, and those that come in the place of as many, keep their times. Others share the time of those whose
    place they take, each as much as its length. None has a confidence: no model has heard it.
    """
    spelt, separator = words_of(caption.text, [word.text for word in caption.words])
    words: tuple[Word, ...] = ()
    if spelt == [word.text for word in caption.words]:  # of some captions the model tells no words, or others
        heard, found = caption.words, text.split()
        if not separator:
            heard, found = tuple(_apart(heard)), _PARTS.findall(text)
        words = tuple(_timed(caption, heard, found))
    return replace(caption, text=text, words=words, corrected=True)


def _apart(words: Sequence[Word]) -> Iterator[Word]:
    """Words of a script without spaces in the parts in which a text of it is counted."""
    for word in words:
        yield from _shared(_PARTS.findall(word.text), word.start_s, word.end_s)


def _timed(caption: Caption, heard: Sequence[Word], spelt: Sequence[str]) -> Iterator[Word]:
    """The words of the new text with their times."""
    same = SequenceMatcher(None, [_key(word.text) for word in heard], [_key(text) for text in spelt], autojunk=False)
    for _, begin, end, first, last in same.get_opcodes():
        if end - begin == last - first:
            for word, text in zip(heard[begin:end], spelt[first:last], strict=True):
                yield replace(word, text=text, confidence=None)
            continue
        before_s = heard[begin - 1].end_s if begin else caption.start_s
        after_s = heard[end].start_s if end < len(heard) else caption.end_s
        taken = heard[begin:end]
        yield from _shared(
            spelt[first:last], taken[0].start_s if taken else before_s, taken[-1].end_s if taken else after_s
        )


def _shared(spelt: Sequence[str], start_s: float, end_s: float) -> Iterator[Word]:
    """Words that share a time, each as much as its length."""
    a_character_s = max(0.0, end_s - start_s) / max(1, sum(map(len, spelt)))
    ends_s = [start_s + said * a_character_s for said in accumulate(map(len, spelt), initial=0)]
    for text, (begin_s, over_s) in zip(spelt, pairwise(ends_s), strict=True):
        yield Word(text, round(begin_s, 3), round(over_s, 3))


def _key(word: str) -> str:
    """A word without the marks around it and its capitals, in which a correction often differs alone."""
    return "".join(character for character in word.casefold() if character.isalnum()) or word
