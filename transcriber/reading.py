"""What is believed to have been said in a chunk that may be in several languages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from transcriber.join import Joined, in_order
from transcriber.language import Votes
from transcriber.orthography import normalised, separator
from transcriber.outcome import Part, Reading
from wire.messages import Word

#: So many words of another language turn a programme only by votes: a name never does. In scripts without spaces, what
#: is said within so many seconds.
_FEW_WORDS, _FEW_S = 2, 1.0

#: A text that a recogniser is surer of by so much, on average over its words, is in the language that is spoken, if it
#: is no shorter than by this share: a word or two are soon sure.
_SURER, _AS_LONG = 0.2, 0.5


def readings(
    parts: Sequence[Part],
    votes: Votes,
    language: str | None,
    start_s: float,
    believed: Callable[[Reading], Sequence[Word]],
) -> tuple[list[tuple[Word, str | None]], Votes]:
    """The words of a chunk, each with the language that captions say of it, and the votes with the chunk's own.

    A chunk is taken in the language that is voted for, if it may be in that; one that turns is no matter of votes. What
    its recogniser was by far surer of in another language counts in any case.

    Args:
        language: that captions say up to the chunk.
        start_s: where what was not heard in the chunk before begins.
        believed: the words of a reading that are believed.
    """
    found: list[tuple[Word, str | None]] = []
    for part in parts:
        reading = part.likeliest
        if part.probabilities:
            votes = votes.after(part.probabilities, part.speech_s(start_s))
            few = language and _few(part)
            if len(parts) == 1 and (voted := part.readings.get(votes.language or "")):
                reading = voted
            elif few:  # best heard in its own language, but captions do not say so
                reading = replace(reading, language=language)
            if not few:
                reading = _surest(part, reading)
        if words := believed(reading):
            language = reading.language or language
            found += [(word, language) for word in words]
    return found, votes


def reheard(
    before: Sequence[Word], later: Sequence[Word], *, begin_s: float, end_s: float, settled: int = 0
) -> Joined | None:
    """The words of two windows, where what the later one heard begins in another language.

    Between `begin_s`, where the later window begins, and `end_s`, where the earlier one ends, both heard the same, one
    of them in the wrong language. The one that was surer is believed for all of it; the later one, if they wrote the
    same. None if the earlier one wrote nothing there.

    Args:
        before: words of the earlier window.
        later: words of the later window.
        settled: so many words of the earlier window stay whatever the later one says.
    """
    wrong = [w for w in before[settled:] if w.start_s >= begin_s and later and w.end_s > later[0].start_s]
    right = [w for w in later if w.start_s < end_s]
    if not wrong:
        return None
    surer = _same(wrong, right) or _certainty(right) > _certainty(wrong)
    kept = before[: len(before) - len(wrong)] if surer else before
    until_s = kept[-1].end_s if kept else begin_s
    first = next((n for n, word in enumerate(later) if word.middle_s > until_s), len(later))
    return Joined(in_order([*kept, *later[first:]], settled), len(kept))


def _few(part: Part) -> bool:
    """Whether a part is too short for its language to be anything but that of a name."""
    reading = part.likeliest
    if separator(reading.language):
        return len(reading.words) <= _FEW_WORDS
    return part.speech_s() <= _FEW_S


def _surest(part: Part, reading: Reading) -> Reading:
    """A reading, or one about as long that its recogniser was by far surer of."""
    least = max(_FEW_WORDS + 1, _AS_LONG * len(reading.words))
    others = [other for other in part.readings.values() if len(other.words) >= least and not other.doubtful]
    surest = max(others, key=lambda other: _certainty(other.words), default=reading)
    # One without words was rejected, and stays so.
    far = reading.words and _certainty(surest.words) > _certainty(reading.words) + _SURER
    return surest if far else reading


def _same(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether the same is written: then it is a matter of the language alone, and the later window has heard more."""
    return [normalised(word.text) for word in one] == [normalised(word.text) for word in other[: len(one)]]


def _certainty(words: Sequence[Word]) -> float:
    """How sure a recogniser was of some words on average; of none, not at all."""
    sure = [1.0 if word.confidence is None else word.confidence for word in words]
    return sum(sure) / len(sure) if sure else 0.0
