"""How much text fits on a subtitle screen, and where lines are broken. Pure.

Transcribers cut captions to fit a screen, and the API breaks the same captions into lines, so they must agree on the
size of a screen; a language added here is supported by both.

Sources: Netflix, Timed Text Style Guide, General Requirements ("Line Treatment": two lines at most, broken after
punctuation, before conjunctions and prepositions; an article and its noun, a preposition and what it governs, a
subject pronoun or an auxiliary and its verb stay together) and English (42 characters a line); BBC, Subtitle
Guidelines 3.2-3.4 (single sentences, two lines, breaks at natural points). Swedish practice is the same: SLU,
"Undertextning" (two lines of 37-42 characters, the upper one the shorter).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache

from wire.languages import PHRASED, needs_space

#: Longest line, in characters (see `width`), and lines per screen; sources above.
LINE_CHARACTERS = 42
LINES = 2

#: The end of a sentence is not left alone on the next screen if it is shorter than this, in characters.
_ORPHAN_CHARACTERS = 12

#: Punctuation that ends a sentence, in the scripts that Whisper writes.
SENTENCE_ENDS = frozenset(".!?…。！？．؟۔।။។៕།༎")

#: Characters that may follow the punctuation that ends a sentence or a clause.
CLOSERS = "\"'”’»)]」』"
# Characters that may precede a word.
_OPENERS = "\"'”“„‘’«([「『¿¡"

#: Punctuation that ends a clause within a sentence.
CLAUSE_ENDS = frozenset(",;:–—、，；：،؛၊៖")


class Break(IntEnum):
    """Quality of a line break at a position, worst first."""

    LEANING = 0  # after a word that belongs to the next one; between syllables of what may be one word
    WORDS = 1
    PHRASE = 2  # before a conjunction, preposition or relative word; at a space, if words have none between them
    CLAUSE = 3  # after a comma, a semicolon, a colon, a dash
    SENTENCE = 4


#: Cost of a break, as a difference between the lengths of the two lines in characters: a better break beats the middle.
_COSTS = {Break.SENTENCE: 0, Break.CLAUSE: 5, Break.PHRASE: 10, Break.WORDS: 20, Break.LEANING: 35}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that begin a phrase (conjunctions, prepositions, relative words) are not left at the end of a line.
_BEGIN = {
    "sv": _words(
        "och men eller samt utan fast ty att om när då medan innan sedan eftersom därför så för fastän trots än "
        "som där dit vars vilken vilket vilka i på av till från med vid hos under över mellan mot efter före genom "
        "kring runt bland bakom framför utanför inom inför enligt utom sen tills åt ur"
    ),
    "en": _words(
        "and but or nor so because although though while when where if unless until since whether than as that who "
        "whom whose which in on at of to from with by for about over under between among against after before "
        "through during into onto upon within without behind beyond near across along around toward towards"
    ),
}

#: Other words that lean on the next one: articles, determiners, subject pronouns, auxiliaries, negations, titles.
_LEAN = {
    "sv": _words(
        "en ett den det de denna detta dessa min mitt mina din ditt dina sin sitt sina hans hennes vår vårt våra er "
        "ert era deras varje någon något några ingen inget inga jag du han hon vi ni man är var har hade ska skulle "
        "kan kunde vill ville måste får fick blir blev inte mycket kl kl. herr fru"
    ),
    "en": _words(
        "a an the this these those my your his her its our their every each some any no i you he she it we they is "
        "are was were be been am has have had will would shall should can could may might must do does did not very "
        "mr. mrs. ms. dr. prof. st."
    ),
}

#: Abbreviations whose full stop does not end a sentence.
_ABBREVIATIONS = {
    "sv": _words("t.ex. bl.a. d.v.s. dvs. s.k. f.d. kl. ca. dr. prof. resp."),
    "en": _words("mr. mrs. ms. dr. prof. st. e.g. i.e. vs."),
}

_NONE: frozenset[str] = frozenset()


def ends_sentence(word: str, language: str | None = None) -> bool:
    """Return True if a sentence ends with this word."""
    bare = word.rstrip(CLOSERS)
    return bool(bare) and bare[-1] in SENTENCE_ENDS and _key(bare) not in _ABBREVIATIONS.get(language or "", _NONE)


def break_between(before: str, after: str, language: str | None) -> Break:
    """Quality of a break between two words. Without a table for the language, only punctuation counts."""
    if ends_sentence(before, language):
        return Break.SENTENCE
    if before.rstrip(CLOSERS)[-1:] in CLAUSE_ENDS or after[:1] in ("–", "—"):
        return Break.CLAUSE
    begin, lean = (table.get(language or "", _NONE) for table in (_BEGIN, _LEAN))
    if _key(before) in begin:
        return Break.LEANING
    if _key(after) in begin or (after[:1].isspace() and not needs_space(before, after.lstrip())):
        return Break.PHRASE
    return Break.LEANING if _key(before) in lean or language in PHRASED else Break.WORDS


# Characters that may not have the width of a letter: neither Latin, Greek or Cyrillic, nor punctuation. Usually absent.
_UNUSUAL = re.compile("[^\x00-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u205e]")


def width(text: str) -> int:
    """Display width of a text, in letters of an alphabet; combining marks have no width.

    Chinese, Japanese and Korean characters are twice as wide (Unicode's East Asian Width, UAX #11). They also take
    twice as long to read: for Chinese, Netflix allows nine a second, and 16 on a line.
    """
    return sum(map(_width, text)) if _UNUSUAL.search(text) else len(text)


@lru_cache(10_000)
def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fits(words: Sequence[str], separator: str = " ") -> bool:
    """Return True if the words fit on one screen; a word that is longer than a line gets a line of its own."""
    lines, used = 1, -len(separator)
    for wide in map(width, words):
        used += len(separator) + wide
        if used > LINE_CHARACTERS and used > wide:
            lines, used = lines + 1, wide
    return lines <= LINES


def cut(words: Sequence[str], separator: str = " ", language: str | None = None) -> int:
    """Number of words to keep on this screen, given two or more words of which all but the last fit.

    Chooses the best break in the second half, and the last of equally good ones; the rest fits on one screen.
    """
    whole = width(separator.join(words[:-1]))
    ended = ends_sentence(words[-1], language)

    def rank(at: int) -> tuple[bool, bool, Break, int]:
        orphan = ended and width(separator.join(words[at:])) < _ORPHAN_CHARACTERS
        return fits(words[at:], separator), not orphan, break_between(words[at - 1], words[at], language), at

    return max((at for at in range(1, len(words)) if 2 * width(separator.join(words[:at])) >= whole), key=rank)


def screens(words: Sequence[str], separator: str = " ", language: str | None = None) -> list[int]:
    """Number of words on each of the screens that together show all words."""
    counts, first = [], 0
    for end in range(1, len(words) + 1):
        if not fits(words[first:end], separator):
            counts.append(cut(words[first:end], separator, language))
            first += counts[-1]
    return [*counts, len(words) - first] if first < len(words) else counts


def first_line(
    words: Sequence[str], separator: str = " ", language: str | None = None, *, growing: bool = False
) -> int:
    """Number of words on the first line of a screen: about half, preferably a whole phrase; all if they fit on a line.

    Args:
        growing: more words will follow. Chooses the best break in the second half of a full line, which stays the best
            while the rest has room: a fourth of the demo's sentences are then rebroken as they grow, instead of more
            than half.
    """
    if width(separator.join(words)) <= LINE_CHARACTERS:
        return len(words)

    def cost(at: int) -> tuple[int, int, int]:
        upper, lower = width(separator.join(words[:at])), width(separator.join(words[at:]))
        unfit = (upper > LINE_CHARACTERS and at > 1) + (lower > LINE_CHARACTERS and at < len(words) - 1)
        kind = break_between(words[at - 1], words[at], language)
        if growing:
            return 2 * unfit + (2 * upper < LINE_CHARACTERS), -kind, -upper
        return unfit, abs(upper - lower) + _COSTS[kind], upper

    return min(range(1, len(words)), key=cost, default=1)


def lines(text: str, words: Sequence[str] = (), language: str | None = None, *, growing: bool = False) -> list[str]:
    """Break a text into lines: at most two, unless it does not fit on one screen.

    Args:
        words: the text's words, if known.
        growing: more words will follow; see `first_line`.
    """
    words, separator = split_words(text, words)
    result, first = [], 0
    for count in screens(words, separator, language):
        screen = words[first : first + count]
        at = first_line(screen, separator, language, growing=growing)
        result += [separator.join(line).lstrip() for line in (screen[:at], screen[at:]) if line]
        first += count
    return result


def split_words(text: str, words: Sequence[str] = ()) -> tuple[list[str], str]:
    """The words of a text and their separator: `words`, the recognised ones, if they add up to the text."""
    for separator in (" ", ""):
        if all(words) and separator.join(words) == text:
            return list(words), separator
    return text.split(), " "


def _key(word: str) -> str:
    """A word as it is spelled in the tables."""
    return word.strip(_OPENERS + CLOSERS).casefold()
