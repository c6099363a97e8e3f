"""Compare a run with the reference: word errors, errors at borders, times, delays and false captions. Pure functions.

lost
    A reference word near a border that is missing from the captions, although the same model recognised it in the whole
    sentence. Near means within NEAR_S of where two windows overlap or meet; only borders with speech within NEAR_S on
    both sides count.
doubled
    A word near a border that is in the captions but not in the reference, and that with its neighbours (one to five
    words) repeats the words directly before or after it.
cut
    A word near a border of which only a fragment was recognised, or that has a fragment next to it.
mislabelled
    A word in a caption that is labelled with another language.
false captions
    Final captions with all words in stretches without speech; per hour of music, noise and silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import jiwer
import numpy as np

from benchmarks.alignment import Alignment, Errors, align
from benchmarks.captions.programme import Programme
from benchmarks.captions.run import Run, TimedWord, spelled
from wire.messages import Caption

#: Distance within which a word counts as near a border, in seconds.
NEAR_S = 0.7
#: An equal word in two captions is the same word if it moved by less than this, in seconds.
SAME_S = 0.7
#: Maximum length of a repeated sequence of words.
REPEATED = 5
#: Minimum number of letters of a fragment next to its word.
FRAGMENT = 2

#: Pseudo-condition of words invented in stretches without speech.
NOBODY = "nobody speaks"


@dataclass
class Tally:
    """Counts of one or more programmes."""

    errors: dict[str, Errors] = field(default_factory=dict)  # by language
    by_condition: dict[str, Errors] = field(default_factory=dict)
    borders: int = 0
    lost: int = 0
    doubled: int = 0
    cut: int = 0
    time_errors_s: list[float] = field(default_factory=list)  # of beginnings and ends of correct words
    first_shown_s: list[float] = field(default_factory=list)  # after the word's end
    final_s: list[float] = field(default_factory=list)
    false_captions: int = 0
    quiet_s: float = 0.0
    rewritten: int = 0  # shown words that were replaced or withdrawn
    words: int = 0  # final ones
    decoded_s: float = 0.0
    sent_s: float = 0.0
    withheld_s: float = 0.0  # of speech
    speech_s: float = 0.0
    captioned: int = 0  # reference words with a counterpart in the captions
    mislabelled: int = 0  # of these, in captions with another language

    def __add__(self, other: Tally) -> Tally:
        """The sum of both."""
        values = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED}
        return Tally(
            errors=_both(self.errors, other.errors), by_condition=_both(self.by_condition, other.by_condition), **values
        )

    @property
    def total(self) -> Errors:
        """Errors in all languages."""
        return sum(self.errors.values(), Errors())

    def per_10k(self, count: int) -> float | None:
        """A count per 10,000 borders."""
        return 10_000 * count / self.borders if self.borders else None


_SUMMED = [name for name in Tally.__dataclass_fields__ if name not in ("errors", "by_condition")]


def _both(one: dict[str, Errors], other: dict[str, Errors]) -> dict[str, Errors]:
    return {name: one.get(name, Errors()) + other.get(name, Errors()) for name in {**one, **other}}


def written(programme: Programme, run: Run) -> frozenset[int]:
    """Indices of the reference words that a run recognised correctly, and that may therefore be lost."""
    alignment = align(programme.words, [word.text for word in final_words(run)])
    return frozenset(i for i, word in enumerate(programme.words) if alignment.matched[i] == word.text)


def final_words(run: Run) -> list[TimedWord]:
    """All final words, in order."""
    return [word for _, caption in run.finals() for word in spelled(caption.words)]


def judge(programme: Programme, run: Run, known: frozenset[int] | None = None) -> Tally:
    """Evaluate a run.

    Args:
        known: reference words that the model can recognise (see `written`); all of them by default.
    """
    final = final_words(run)
    alignment = align(programme.words, [word.text for word in final])
    known = frozenset(range(len(programme.words))) if known is None else known
    tally = Tally(decoded_s=run.decoded_s, sent_s=run.sent_s, words=len(final), rewritten=_rewritten(run))
    _count_errors(tally, programme, alignment, final)
    _count_languages(tally, programme, run, alignment)
    _count_borders(tally, programme, run, alignment, final, known)
    _count_times(tally, programme, run, alignment, final)
    quiet = programme.quiet()
    tally.quiet_s = sum(end_s - start_s for start_s, end_s in quiet)
    tally.false_captions = sum(_is_false(caption, quiet) for _, caption in run.finals())
    tally.speech_s = sum(word.end_s - word.start_s for word in programme.words)
    tally.withheld_s = sum(
        max(0.0, min(end_s, word.end_s) - max(start_s, word.start_s))
        for start_s, end_s in run.withheld
        for word in programme.words
    )
    return tally


def _count_errors(tally: Tally, programme: Programme, alignment: Alignment, final: Sequence[TimedWord]) -> None:
    for word, heard in zip(programme.words, alignment.matched, strict=True):
        errors = tally.by_condition.setdefault(word.condition, Errors())
        errors.words += 1
        errors.deleted += heard == ""
        errors.substituted += heard not in ("", word.text)
    quiet = programme.quiet()
    for j, i in _invented(alignment):
        condition = programme.words[i].condition if i >= 0 and not _within(final[j], quiet) else NOBODY
        tally.by_condition.setdefault(condition, Errors()).inserted += 1
    if programme.words:
        tally.errors = {programme.language or programme.name: sum(tally.by_condition.values(), Errors())}


def _count_languages(tally: Tally, programme: Programme, run: Run, alignment: Alignment) -> None:
    languages = [caption.language for _, caption in run.finals() for _ in spelled(caption.words)]
    for word, j in zip(programme.words, alignment.matched_index, strict=True):
        tally.captioned += j >= 0
        tally.mislabelled += j >= 0 and languages[j] != word.language


def _invented(alignment: Alignment) -> list[tuple[int, int]]:
    """Index of each invented word, and of the reference word before it (-1: none)."""
    partner = {j: i for i, j in enumerate(alignment.matched_index) if j >= 0}
    places, before = [], -1
    for j in range(len(alignment.hypothesis)):
        before = partner.get(j, before)
        if j not in partner:
            places.append((j, before))
    return places


# --- borders -----------------------------------------------------------------------------------------------------


def _count_borders(
    tally: Tally,
    programme: Programme,
    run: Run,
    alignment: Alignment,
    final: Sequence[TimedWord],
    known: frozenset[int],
) -> None:
    starts = np.array([word.start_s for word in programme.words])
    ends = np.array([word.end_s for word in programme.words])
    zones = []
    for begin_s, border_s in run.borders:
        before = (starts < border_s) & (ends > border_s - NEAR_S)
        behind = (starts < border_s + NEAR_S) & (ends > border_s)
        if before.any() and behind.any():
            zones.append((begin_s - NEAR_S, border_s + NEAR_S))
    tally.borders = len(zones)
    for i in _touched(starts, ends, zones) & known:
        if alignment.matched_index[i] < 0:
            tally.lost += 1
        elif alignment.matched[i] != programme.words[i].text:
            tally.cut += fragment(alignment.matched[i], programme.words[i].text)
    near = _touched(np.array([word.start_s for word in final]), np.array([word.end_s for word in final]), zones)
    texts = [word.text for word in final]
    for j, i in _invented(alignment):
        if j in near and doubled(texts, j):
            tally.doubled += 1
        elif j in near:
            beside = [programme.words[k].text for k in (i, i + 1) if 0 <= k < len(programme.words)]
            tally.cut += len(texts[j]) >= FRAGMENT and any(fragment(texts[j], text) for text in beside)


def _touched(
    starts: np.ndarray[tuple[int], np.dtype[np.float64]],
    ends: np.ndarray[tuple[int], np.dtype[np.float64]],
    zones: Sequence[tuple[float, float]],
) -> frozenset[int]:
    """Indices of the words that overlap with a zone."""
    touched = np.zeros(len(starts), bool)
    for begin_s, end_s in zones:
        touched |= (starts < end_s) & (ends > begin_s)
    return frozenset(np.flatnonzero(touched).tolist())


def doubled(final: Sequence[str], j: int) -> bool:
    """Whether word j belongs to a sequence of one to five words that is repeated directly before or after it."""
    for length in range(1, REPEATED + 1):
        for first in range(max(0, j - length + 1), j + 1):
            run = final[first : first + length]
            if len(run) == length and run in (final[max(0, first - length) : first], final[first + length :][:length]):
                return True
    return False


def fragment(heard: str, word: str) -> bool:
    """Whether `heard` is a proper prefix or suffix of a word."""
    return heard != word and (word.startswith(heard) or word.endswith(heard))


# --- times -------------------------------------------------------------------------------------------------------


def _count_times(
    tally: Tally, programme: Programme, run: Run, alignment: Alignment, final: Sequence[TimedWord]
) -> None:
    final_at = [at_s for at_s, caption in run.finals() for _ in spelled(caption.words)]
    shown = _showings(run)
    for word, j in zip(programme.words, alignment.matched_index, strict=True):
        if j < 0 or final[j].text != word.text:
            continue
        tally.time_errors_s += [abs(final[j].start_s - word.start_s), abs(final[j].end_s - word.end_s)]
        near = [at_s for at_s, start_s in shown[word.text] if abs(start_s - final[j].start_s) < SAME_S]
        tally.first_shown_s.append(min(near, default=final_at[j]) - word.end_s)
        tally.final_s.append(final_at[j] - word.end_s)


def _showings(run: Run) -> dict[str, list[tuple[float, float]]]:
    """For each word's text, when it was in a caption, and where in the programme it began."""
    shown: dict[str, list[tuple[float, float]]] = {}
    for at_s, captions in run.events:
        for caption in captions:
            for word in spelled(caption.words):
                shown.setdefault(word.text, []).append((at_s + run.window_s, word.start_s))
    return shown


def _rewritten(run: Run) -> int:
    """How often a shown word was replaced or withdrawn."""
    open_: dict[int, Caption] = {}
    count = 0
    for _, captions in run.events:
        now = {**open_, **{caption.id: caption for caption in captions}}
        if open_:
            count += _replaced(_words(open_), _words(now))
        open_ = {id: caption for id, caption in now.items() if not caption.final}
    return count


def _words(captions: dict[int, Caption]) -> list[str]:
    return [word.text for _, caption in sorted(captions.items()) for word in spelled(caption.words)]


def _replaced(before: list[str], after: list[str]) -> int:
    if not before or not after:
        return len(before)
    change = jiwer.process_words(" ".join(before), " ".join(after))
    return change.substitutions + change.deletions


# --- false captions ----------------------------------------------------------------------------------------------


def _is_false(caption: Caption, quiet: Sequence[tuple[float, float]]) -> bool:
    words = spelled(caption.words)
    return bool(words) and all(_within(word, quiet) for word in words)


def _within(word: TimedWord, stretches: Sequence[tuple[float, float]]) -> bool:
    """Whether the middle of a word is in one of the stretches."""
    middle_s = (word.start_s + word.end_s) / 2
    return any(start_s <= middle_s <= end_s for start_s, end_s in stretches)
