"""Translates what a person types into a search box into an FTS5 expression. Pure.

storm warning        both words, in any order, near each other
"storm warning"      the words in this order
storm*               words with this prefix
storm OR gale        either
storm -rain          without (or: storm NOT rain)
"""

from __future__ import annotations

import re

from wire.errors import BadRequest
from wire.languages import UNSPACED

#: Longest query, in characters, and most words and phrases in it: each costs a look-up.
LIMIT, MAX_TERMS = 300, 20

_TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))\*?')


def spaced(text: str) -> str:
    """The text as it is indexed: in scripts without spaces, each character is a word, and a word is a phrase."""
    return UNSPACED.sub(r" \g<0> ", text)


def expression(query: str) -> str:
    """The FTS5 expression of a query.

    Raises:
        BadRequest: it contains no word, or is too long.
    """
    if len(query) > LIMIT:
        raise BadRequest(f"q is longer than {LIMIT} characters", "q")
    query = query.replace("\0", " ")  # which would end the string in SQLite
    wanted: list[str] = []
    unwanted: list[str] = []
    operator = ""
    for term in _TERM.finditer(query):
        if term[0] in ("AND", "OR", "NOT"):
            operator = term[0]
            continue
        words = (term["phrase"] or term["word"] or "").rstrip("*")
        if not any(c.isalnum() for c in words):
            continue
        phrase = f'"{spaced(words)}"' + "*" * term[0].endswith("*")
        if term["minus"] or operator == "NOT":
            unwanted.append(phrase)
        elif operator == "OR" and wanted:
            wanted[-1] += f" OR {phrase}"
        else:
            wanted.append(phrase)
        operator = ""
    if not wanted:
        raise BadRequest("there is no word to search for", "q")
    if len(wanted) + len(unwanted) > MAX_TERMS:
        raise BadRequest(f"q has more than {MAX_TERMS} words", "q")
    joined = " AND ".join(f"({phrase})" for phrase in wanted)
    return f"({joined}) NOT ({' OR '.join(unwanted)})" if unwanted else joined


def marks(text: str, marked: str, begin: str, end: str) -> list[tuple[int, int]]:
    """The matches in `text`, each as its first character and the one after its last.

    Args:
        marked: the `spaced` text and the next caption's, with `begin` and `end` around each match.
    """
    matches: list[tuple[int, int]] = []
    position = opened = 0
    for character in marked:
        if character == begin:
            opened = position
        elif character == end and opened < position:
            matches.append((opened, position))
        elif position < len(text) and character == text[position]:  # else a space from `spaced`, or beyond the text
            position += 1
    return matches
