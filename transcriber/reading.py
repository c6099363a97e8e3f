"""What is believed to have been said in a chunk that may be in several languages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from transcriber.language import Votes
from transcriber.outcome import Part, Reading
from wire.messages import Word

#: Words of another language turn a programme at once only where there are more seconds of them: a single word, which
#: counts a second at most, never does.
_FEW_S = 1.0


def readings(parts: Iterable[Part], votes: Votes, language: str | None, start_s: float) -> tuple[list[Reading], Votes]:
    """Each part of a chunk in the language that is voted for, if it may be in that; and the votes with its own.

    Args:
        language: that captions say up to the chunk.
        start_s: where what was not heard in the chunk before begins.

    Returns:
        Readings that have words, in the languages that captions say of them.
    """
    found: list[Reading] = []
    for part in parts:
        reading = part.likeliest
        if part.probabilities:
            votes = votes.after(part.probabilities, part.speech_s(start_s))
            # One that is certainly in another language is best heard in its own, but a few words turn no programme.
            few = language and part.speech_s() <= _FEW_S
            certain = replace(reading, language=language) if few else reading
            reading = part.readings.get(votes.language or "", certain)
        if reading.words:
            language = reading.language or language
            found.append(replace(reading, language=language))
    return found, votes


def misheard(before: Sequence[Word], again: Sequence[Word]) -> bool:
    """Whether of what two windows heard in two languages the later one is right: the surer one is.

    Args:
        before, again: what the earlier and the later window wrote of the audio that both have.
    """
    return _certainty(again) > _certainty(before)


def _certainty(words: Sequence[Word]) -> float:
    """How sure a recogniser was of some words on average; of none, not at all."""
    sure = [1.0 if word.confidence is None else word.confidence for word in words]
    return sum(sure) / len(sure) if sure else 0.0
