"""What is believed to have been said in a chunk that may be in several languages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from transcriber.join import Joined, in_order
from transcriber.language import Votes
from transcriber.orthography import normalised
from transcriber.outcome import Part, Reading
from wire.messages import Word

#: Words of another language turn a programme at once only where there are more seconds of them: a single word, which
#: counts a second at most, never does.
_FEW_S = 1.0


def readings(
    parts: Iterable[Part],
    votes: Votes,
    language: str | None,
    start_s: float,
    believed: Callable[[Reading], Sequence[Word]],
) -> tuple[list[tuple[Word, str | None]], Votes]:
    """The words of a chunk, each with the language that captions say of it, and the votes with the chunk's own.

    Each part is taken in the language that is voted for, if it may be in that.

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
            # One that is certainly in another language is best heard in its own, but a few words turn no programme.
            few = language and part.speech_s() <= _FEW_S
            certain = replace(reading, language=language) if few else reading
            reading = part.readings.get(votes.language or "", certain)
        if words := believed(reading):
            language = reading.language or language
            found += [(word, language) for word in words]
    return found, votes


def reheard(
    before: Sequence[Word], later: Sequence[Word], *, begin_s: float, end_s: float, settled: int = 0
) -> Joined | None:
    """The words of two windows in two languages, where the earlier one heard the beginning of the later one's wrongly.

    Between `begin_s`, where the later window begins, and `end_s`, where the earlier one ends, both heard the same. None
    if the earlier one was the surer and did not write the same.

    Args:
        before: words of the earlier window.
        later: words of the later window.
        settled: so many words of the earlier window stay whatever the later one says.
    """
    wrong = [w for w in before[settled:] if w.start_s >= begin_s and later and w.end_s > later[0].start_s]
    right = [w for w in later if w.start_s < end_s]
    if not wrong or not (_same(wrong, right) or _certainty(right) > _certainty(wrong)):
        return None
    kept = before[: len(before) - len(wrong)]
    until_s = kept[-1].end_s if kept else begin_s
    first = next((n for n, word in enumerate(later) if (word.start_s + word.end_s) / 2 > until_s), len(later))
    return Joined(in_order([*kept, *later[first:]], settled), len(kept))


def _same(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether the same is written: then it is a matter of the language alone, and the later window has heard more."""
    return [normalised(word.text) for word in one] == [normalised(word.text) for word in other[: len(one)]]


def _certainty(words: Sequence[Word]) -> float:
    """How sure a recogniser was of some words on average; of none, not at all."""
    sure = [1.0 if word.confidence is None else word.confidence for word in words]
    return sum(sure) / len(sure) if sure else 0.0
