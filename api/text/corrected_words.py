"""A caption whose text a person has corrected: its new words, with the times of the original ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

from wire.breaks import split_words
from wire.languages import UNSPACED
from wire.messages import Caption, Word

# The units of a text without spaces between its words: characters, with the marks above, below and after them, and the
# brackets before them. Of other scripts, whole words.
_OPENERS = re.escape("“‘«([{「『《〈（")
_PARTS = re.compile(rf"\s*[{_OPENERS}]*(?:(?:(?!{UNSPACED.pattern})\w)+|\S)[^\w\s{_OPENERS}]*")

#: Shortest time of a character that was not recognised, in seconds: nobody speaks faster.
CHARACTER_S = 0.04


def corrected(caption: Caption, text: str) -> Caption:
    """The caption with another text; an empty text withdraws it.

    Words that stay, and words that replace as many others, keep their times. Other words share the time of those they
    replace, or the silence they are inserted in, in proportion to their lengths; if that is too short, the time of the
    word before as well. No word has a confidence: no model has recognised the new text.
    """
    texts, separator = split_words(caption.text, [word.text for word in caption.words])
    words: tuple[Word, ...] = ()
    if texts == [word.text for word in caption.words]:  # some have no words, or others than the text
        old_words, new_texts = caption.words, text.split()
        if not separator or (len(old_words) < 2 and UNSPACED.search(text)):  # a single word does not show its separator
            old_words, new_texts = tuple(_split(old_words)), _PARTS.findall(text)
        words = tuple(_align(caption, old_words, new_texts))
    return replace(caption, text=text, words=words, corrected=True)


def _split(words: Sequence[Word]) -> Iterator[Word]:
    """Split words of a script without spaces into the units of its text."""
    for word in words:
        yield from _spread(_PARTS.findall(word.text), word.start_s, word.end_s)


def _align(caption: Caption, old_words: Sequence[Word], new_texts: Sequence[str]) -> list[Word]:
    """The words of the new text with their times."""
    matcher = SequenceMatcher(
        None, [_key(word.text) for word in old_words], [_key(text) for text in new_texts], autojunk=False
    )
    words: list[Word] = []
    for _, begin, end, first, last in matcher.get_opcodes():
        texts, replaced = new_texts[first:last], old_words[begin:end]
        if len(texts) == len(replaced):
            words += [replace(word, text=text, confidence=None) for word, text in zip(replaced, texts, strict=True)]
            continue
        if replaced:
            start_s, end_s = replaced[0].start_s, replaced[-1].end_s
        else:
            start_s = old_words[begin - 1].end_s if begin else caption.start_s
            end_s = old_words[end].start_s if end < len(old_words) else caption.end_s
            if words and end_s - start_s < CHARACTER_S * len("".join(texts)):
                texts, start_s = new_texts[first - 1 : last], words.pop().start_s
        words += _spread(texts, start_s, end_s)
    return words


def _spread(texts: Sequence[str], start_s: float, end_s: float) -> Iterator[Word]:
    """Words that share a time span in proportion to their lengths."""
    character_s = max(0.0, end_s - start_s) / max(1, sum(map(len, texts)))
    ends_s = [start_s + count * character_s for count in accumulate(map(len, texts), initial=0)]
    for text, (word_start_s, word_end_s) in zip(texts, pairwise(ends_s), strict=True):
        yield Word(text, round(word_start_s, 3), round(word_end_s, 3))


def _key(word: str) -> str:
    """A word without punctuation and capitals, which are often all that a correction changes."""
    return "".join(character for character in word.casefold() if character.isalnum()) or word
