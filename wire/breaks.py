"""What fits on a screen of subtitles, and where a text is broken. Pure.

Transcribers cut captions to what fits, and the API lays the same captions out in lines: they must agree on the size of
a screen, and a language that is added here is known to both.

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

from wire.languages import PHRASED, apart

#: Longest line, in characters (see `width`), and lines of a screen; sources above.
LINE_CHARACTERS = 42
LINES = 2

#: A sentence's end that is shorter, in characters, is not left alone on the next screen.
_ORPHAN_CHARACTERS = 12

#: Marks that end a sentence, in the scripts that Whisper writes.
SENTENCE_ENDS = frozenset(".!?…。！？．؟۔।။។៕།༎")

#: What may stand behind the mark that ends a sentence or a clause.
CLOSERS = "\"'”’»)]」』"
# What may stand before a word.
_OPENERS = "\"'”“„‘’«([「『¿¡"

#: Marks that end a clause within a sentence.
CLAUSE_ENDS = frozenset(",;:–—、，；：،؛၊៖")


class Break(IntEnum):
    """How well a text may be broken at a place, worst first."""

    LEANING = 0  # behind a word that belongs to the next one; between syllables of what may be one word
    WORDS = 1
    PHRASE = 2  # before a conjunction, a preposition, a relative word; at a space, where words have none between them
    CLAUSE = 3  # behind a comma, a semicolon, a colon, a dash
    SENTENCE = 4


#: What a break costs beside lines that differ so much in length, in characters: the better place wins over the middle.
_COSTS = {Break.SENTENCE: 0, Break.CLAUSE: 5, Break.PHRASE: 10, Break.WORDS: 20, Break.LEANING: 35}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that begin a phrase: conjunctions, prepositions, relative words. None is left at the end of a line.
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

#: Abbreviations whose full stop ends no sentence.
_ABBREVIATIONS = {
    "sv": _words("t.ex. bl.a. d.v.s. dvs. s.k. f.d. kl. ca. dr. prof. resp."),
    "en": _words("mr. mrs. ms. dr. prof. st. e.g. i.e. vs."),
}

_NONE: frozenset[str] = frozenset()


def ends_sentence(word: str, language: str | None = None) -> bool:
    """Whether a sentence ends with this word."""
    bare = word.rstrip(CLOSERS)
    return bool(bare) and bare[-1] in SENTENCE_ENDS and _key(bare) not in _ABBREVIATIONS.get(language or "", _NONE)


def break_between(before: str, after: str, language: str | None) -> Break:
    """How well a text may be broken between two words. Without a table for the language, punctuation alone tells."""
    if ends_sentence(before, language):
        return Break.SENTENCE
    if before.rstrip(CLOSERS)[-1:] in CLAUSE_ENDS or after[:1] in ("–", "—"):
        return Break.CLAUSE
    begin, lean = (table.get(language or "", _NONE) for table in (_BEGIN, _LEAN))
    if _key(before) in begin:
        return Break.LEANING
    if _key(after) in begin or (after[:1].isspace() and not apart(before, after.lstrip())):
        return Break.PHRASE
    return Break.LEANING if _key(before) in lean or language in PHRASED else Break.WORDS


# What may be other than as wide as a letter: neither Latin, Greek or Cyrillic, nor punctuation. Most texts have none.
_UNUSUAL = re.compile("[^\x00-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u205e]")


def width(text: str) -> int:
    """How much room a text takes, in letters of an alphabet; marks stand above and below them.

    Characters of Chinese, Japanese and Korean are twice as wide (Unicode's East Asian Width, UAX #11). They take twice
    as long to be read, too: of Chinese, Netflix has nine a second, and 16 on a line.
    """
    return sum(map(_width, text)) if _UNUSUAL.search(text) else len(text)


@lru_cache(10_000)
def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fits(words: Sequence[str], separator: str = " ") -> bool:
    """Whether words fit on one screen; a word that is longer than a line has one for itself."""
    lines, used = 1, -len(separator)
    for wide in map(width, words):
        used += len(separator) + wide
        if used > LINE_CHARACTERS and used > wide:
            lines, used = lines + 1, wide
    return lines <= LINES


def cut(words: Sequence[str], separator: str = " ", language: str | None = None) -> int:
    """How many of two or more words stay on this screen, if all but the last of them would fit.

    The best place in the second half, and the last of equally good ones; what follows fits on one screen.
    """
    whole = width(separator.join(words[:-1]))
    ended = ends_sentence(words[-1], language)

    def rank(at: int) -> tuple[bool, bool, Break, int]:
        orphan = ended and width(separator.join(words[at:])) < _ORPHAN_CHARACTERS
        return fits(words[at:], separator), not orphan, break_between(words[at - 1], words[at], language), at

    return max((at for at in range(1, len(words)) if 2 * width(separator.join(words[:at])) >= whole), key=rank)


def screens(words: Sequence[str], separator: str = " ", language: str | None = None) -> list[int]:
    """How many words each of the screens has that show all of them."""
    counts, first = [], 0
    for end in range(1, len(words) + 1):
        if not fits(words[first:end], separator):
            counts.append(cut(words[first:end], separator, language))
            first += counts[-1]
    return [*counts, len(words) - first] if first < len(words) else counts


def first_line(
    words: Sequence[str], separator: str = " ", language: str | None = None, *, growing: bool = False
) -> int:
    """How many words of a screen stand on its first line: about half of them, but rather a phrase; all if they fit.

    Args:
        growing: more words come. The best place in the second half of a full line then, which stays the best while the
            rest has room: of the demo's sentences, a fourth are broken anew on their way, else more than half.
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


def lines(text: str, heard: Sequence[str] = (), language: str | None = None, *, growing: bool = False) -> list[str]:
    """A text in lines: two at most, unless it is more than fits on a screen.

    Args:
        heard: its words, where they are known.
        growing: more words come; see `first_line`.
    """
    words, separator = words_of(text, heard)
    found, first = [], 0
    for count in screens(words, separator, language):
        screen = words[first : first + count]
        at = first_line(screen, separator, language, growing=growing)
        found += [separator.join(line).lstrip() for line in (screen[:at], screen[at:]) if line]
        first += count
    return found


def words_of(text: str, heard: Sequence[str] = ()) -> tuple[list[str], str]:
    """The words of a text, and what stands between them: those that were heard, if they are what it is made of."""
    for separator in (" ", ""):
        if all(heard) and separator.join(heard) == text:
            return list(heard), separator
    return text.split(), " "


def _key(word: str) -> str:
    """A word as the tables have it."""
    return word.strip(_OPENERS + CLOSERS).casefold()
