"""Hot words: names of people and places that the transcriber of a source should know. Validated wherever they enter."""

from __future__ import annotations

from typing import Any

#: Maximum number of hot words per source, and of their characters in total: they are sent with every chunk, and share
#: the half of the decoder's context that a prompt may fill (223 tokens) with the preceding text.
MAX_WORDS, MAX_CHARACTERS = 50, 500


def validate_hot_words(value: Any) -> tuple[str, ...]:
    """Validated hot words, without surrounding spaces and duplicates; empty for None.

    Raises:
        ValueError: `value` is not a list of strings, or they are too many, too long or not printable.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise ValueError("must be a list of strings")
    words = tuple(dict.fromkeys(word.strip() for word in value))
    if not all(word and word.isprintable() for word in words):
        raise ValueError("must be non-empty, printable strings")
    if len(words) > MAX_WORDS or sum(map(len, words)) > MAX_CHARACTERS:
        raise ValueError(f"must be at most {MAX_WORDS}, with at most {MAX_CHARACTERS} characters in total")
    return words
