"""Hot words: names of people and places that a source's transcriber should know. Checked wherever they come in."""

from __future__ import annotations

from typing import Any

#: Most hot words of a source, and most characters of all of them: they travel with every chunk, and share the half of
#: the decoder that a prompt may fill (223 tokens) with what was said before.
MAX_WORDS, MAX_CHARACTERS = 50, 500


def checked(value: Any) -> tuple[str, ...]:
    """Hot words as somebody wrote them (None: none), without the spaces around them, each once.

    Raises:
        ValueError: they are no list of texts, too many, too long, or cannot be shown.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise ValueError("must be a list of texts")
    words = tuple(dict.fromkeys(word.strip() for word in value))
    if not all(word and word.isprintable() for word in words):
        raise ValueError("must be texts that can be shown")
    if len(words) > MAX_WORDS or sum(map(len, words)) > MAX_CHARACTERS:
        raise ValueError(f"must be at most {MAX_WORDS}, with at most {MAX_CHARACTERS} characters together")
    return words
