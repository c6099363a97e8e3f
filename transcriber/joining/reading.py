"""Choose between the readings of a chunk that may be in several languages. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from transcriber.joining.join import Joined, in_order
from transcriber.language import Votes
from transcriber.orthography import normalised, separator
from transcriber.outcome import Part, Reading
from wire.messages import Word

#: A part with at most this many words, or in scripts without spaces this many seconds of speech, changes a programme's
#: language only by votes: it may be a name.
_SHORT_WORDS, _SHORT_S = 2, 1.0

#: A reading whose mean confidence is higher by the first value wins, if its length is at least the second value times
#: the other's: a word or two easily have a high confidence.
_MIN_LEAD, _MIN_LENGTH = 0.2, 0.5


def choose_words(
    parts: Sequence[Part],
    votes: Votes,
    language: str | None,
    start_s: float,
    accepted_words: Callable[[Reading], Sequence[Word]],
) -> tuple[list[tuple[Word, str | None]], Votes]:
    """Choose the words of a chunk; return each with its captions' language, and the votes including the chunk's.

    The voted language is used if the chunk has a reading in it; chunks with turns are not subject to votes. A reading
    with a much higher confidence wins in any case.

    Args:
        language: of the captions before the chunk.
        start_s: where the audio begins that the previous chunk did not contain.
        accepted_words: returns the accepted words of a reading.
    """
    chosen: list[tuple[Word, str | None]] = []
    for part in parts:
        reading = part.likeliest
        if part.probabilities:
            votes = votes.after(part.probabilities, part.speech_s(start_s))
            short = language and _is_short(part)
            if len(parts) == 1 and (voted := part.readings.get(votes.language or "")):
                reading = voted
            elif short:  # use the words, but do not change the captions' language
                reading = replace(reading, language=language)
            if not short:
                reading = _most_confident(part, reading)
        if words := accepted_words(reading):
            language = reading.language or language
            chosen += [(word, language) for word in words]
    return chosen, votes


def join_at_turn(
    before: Sequence[Word], later: Sequence[Word], *, begin_s: float, end_s: float, settled: int = 0
) -> Joined | None:
    """Join the words of two windows if the later one begins in another language.

    Between `begin_s`, where the later window begins, and `end_s`, where the earlier one ends, both have the same
    speech, one of them in the wrong language. The one with the higher confidence is used for all of it, or the later
    one if both have the same text. None if the earlier one has no words there.

    Args:
        before: words of the earlier window.
        later: words of the later window.
        settled: number of words of the earlier window that are kept in any case.
    """
    wrong = [w for w in before[settled:] if w.start_s >= begin_s and later and w.end_s > later[0].start_s]
    right = [w for w in later if w.start_s < end_s]
    if not wrong:
        return None
    later_wins = _begins_alike(wrong, right) or _mean_confidence(right) > _mean_confidence(wrong)
    kept = before[: len(before) - len(wrong)] if later_wins else before
    until_s = kept[-1].end_s if kept else begin_s
    first = next((n for n, word in enumerate(later) if word.middle_s > until_s), len(later))
    return Joined(in_order([*kept, *later[first:]], settled), len(kept))


def _is_short(part: Part) -> bool:
    """Whether a part is so short that its language may be that of a name."""
    reading = part.likeliest
    if separator(reading.language):
        return len(reading.words) <= _SHORT_WORDS
    return part.speech_s() <= _SHORT_S


def _most_confident(part: Part, reading: Reading) -> Reading:
    """A reading, or another one of similar length with a much higher confidence."""
    least = max(_SHORT_WORDS + 1, _MIN_LENGTH * len(reading.words))
    others = [other for other in part.readings.values() if len(other.words) >= least and not other.doubtful]
    best = max(others, key=lambda other: _mean_confidence(other.words), default=reading)
    # A reading without words was rejected, and stays so.
    much_better = reading.words and _mean_confidence(best.words) > _mean_confidence(reading.words) + _MIN_LEAD
    return best if much_better else reading


def _begins_alike(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether two texts begin alike: then only the language differs, and the later window, which has more, is right."""
    return [normalised(word.text) for word in one] == [normalised(word.text) for word in other[: len(one)]]


def _mean_confidence(words: Sequence[Word]) -> float:
    """Mean confidence of words; 0 if there are none."""
    confidences = [1.0 if word.confidence is None else word.confidence for word in words]
    return sum(confidences) / len(confidences) if confidences else 0.0
