"""Radio bulletins: random sentences in Swedish and English, some of which are held out from training.

A sentence is drawn from the grammar of its language (`demo/english.py`, `demo/swedish.py`). Its split depends only on
a hash of its text, so that the demo station and every evaluation use sentences that training never saw.
Pure: no I/O, no clock; random generators are passed in.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from typing import Literal

from demo import english, swedish

Language = Literal["en", "sv"]
Split = Literal["train", "held-out"]

LANGUAGES: tuple[Language, ...] = ("en", "sv")

#: One sentence in this many is held out.
HELD_OUT_ONE_IN = 10

#: Sentences longer than this (in words) are drawn again: they are too long to read in one breath.
MAX_WORDS = 14

_GRAMMARS = {"en": english, "sv": swedish}
_SLOT = re.compile(r"\{(\w+)\}")
_MIDDLE = ("news", "weather", "traffic", "sport", "culture")
_MIDDLE_WEIGHTS = (5, 2, 2, 2, 1)


def split_of(text: str) -> Split:
    """The split that a sentence belongs to, by a hash of its text: stable across runs, machines and languages."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "held-out" if int.from_bytes(digest[:4], "big") % HELD_OUT_ONE_IN == 0 else "train"


def sentence(language: Language, rng: random.Random, split: Split, topic: str | None = None) -> str:
    """Draw one sentence of `split`, about `topic` if given, else about any topic."""
    grammar = _GRAMMARS[language]
    while True:
        chosen = topic or rng.choice(tuple(grammar.TOPICS))
        text = _fill(rng.choice(grammar.TOPICS[chosen]), grammar.SLOTS, rng)
        text = text[0].upper() + text[1:]
        if len(text.split()) <= MAX_WORDS and split_of(text) == split:
            return text


def bulletin(language: Language, rng: random.Random, split: Split, sentences: int = 12) -> list[str]:
    """A bulletin: an opening, `sentences` - 2 sentences in runs of one topic, a closing."""
    texts = [sentence(language, rng, split, "opening")]
    while len(texts) < sentences - 1:
        topic = rng.choices(_MIDDLE, _MIDDLE_WEIGHTS)[0]
        for _ in range(min(rng.randint(1, 3), sentences - 1 - len(texts))):
            texts.append(sentence(language, rng, split, topic))
    texts.append(sentence(language, rng, split, "closing"))
    return texts


def endless(language: Language, seed: int, split: Split = "held-out") -> Iterator[str]:
    """Sentences of one bulletin after another, forever. The same seed gives the same sentences."""
    rng = random.Random(f"{language}-{seed}")
    while True:
        yield from bulletin(language, rng, split, rng.randint(10, 16))


def vocabulary(language: Language) -> frozenset[str]:
    """Every word of the grammar, in lower case, without punctuation."""
    grammar = _GRAMMARS[language]
    phrases = [phrase for topic in grammar.TOPICS.values() for phrase in topic]
    phrases += [phrase for slot in grammar.SLOTS.values() for phrase in slot]
    # A slot may be part of a word ("{day}s"), so add every filling of such a word.
    words = {word for phrase in phrases for word in phrase.split()}
    filled = {
        _SLOT.sub(phrase, word) for word in words if (slot := _SLOT.search(word)) for phrase in grammar.SLOTS[slot[1]]
    }
    words = {word for text in words | filled for word in text.split() if "{" not in word}
    return frozenset(w for w in (word.strip(".,?").lower() for word in words) if w)


def _fill(template: str, slots: dict[str, tuple[str, ...]], rng: random.Random) -> str:
    """Fill every slot, including slots in filled-in phrases. No phrase is used twice in a sentence."""
    used: set[str] = set()

    def draw(match: re.Match[str]) -> str:
        phrases = [p for p in slots[match[1]] if p not in used] or list(slots[match[1]])
        phrase = rng.choice(phrases)
        used.add(phrase)
        return phrase

    while _SLOT.search(template):
        template = _SLOT.sub(draw, template)
    return template
