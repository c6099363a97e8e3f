"""The language of a source, by votes: one chunk is too short to be trusted (LinTO cut mislabels from 13 % to 0.05 %
with 180 characters of history).

A chunk that may be in several languages is heard in each of them. Which it is, is decided where the chunks of a source
come in order, in the seam: every chunk votes with the probabilities that the model gives, by how much is said in it,
and older votes fade. The language in use changes only when another leads clearly, so that one foreign word or one
chunk in doubt does not turn it, and a new programme does within three chunks. A sentence that is certainly in another
language is not a matter of votes: it is taken in its own (`reading`), and so is the one behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: A language that is less likely than this is out of the question. Only noise as loud as radio seldom has it leaves the
#: bundled model in doubt; `python -m benchmarks.engine --detect` shows what a second language costs.
DOUBT = 0.05

#: Most languages in which one utterance is heard; each costs as much decoding as the first.
MOST_CANDIDATES = 3

#: Seconds of words that make a whole vote; a chunk with less has a part of one, and none has more.
WHOLE_VOTE_S = 2.0

#: What a whole vote leaves of the votes before it.
FADE = 0.5

#: By how much another language must lead before it takes over. All votes together are 1, so that one vote, which
#: weighs as much as all before it, cannot do that; two can.
LEAD = 0.2

#: Share of all votes that contradicts a language which was told: so much no four chunks have together.
CONTRADICTION = 0.9

#: Languages that are told apart by how they are written, or by their names, rather than by ear.
_ALIKE = ({"no", "nn"}, {"bs", "hr", "sr"}, {"id", "ms"}, {"hi", "ur"})

#: Languages whose share has faded to less than this are forgotten.
_FORGOTTEN = 0.005


def candidates(probabilities: Mapping[str, float]) -> list[str]:
    """The languages to hear an utterance in, the likeliest first: that one alone, unless it is in doubt.

    They depend on nothing but the utterance, so it does not matter who hears it, and when.
    """
    ranked = sorted(probabilities, key=lambda language: (-probabilities[language], language))
    return ranked[:1] + [language for language in ranked[1:MOST_CANDIDATES] if probabilities[language] >= DOUBT]


@dataclass(frozen=True)
class Votes:
    """What the chunks of a source have voted for so far."""

    language: str | None = None  # in use; None before the first vote
    shares: Mapping[str, float] = field(default_factory=dict)

    def after(self, probabilities: Mapping[str, float], speech_s: float) -> Votes:
        """The votes with one more chunk's.

        Args:
            probabilities: of the languages; none by a model that knows one.
            speech_s: how long the words are that it adds to the source. Where nothing is said, nobody votes.
        """
        left = FADE ** min(1.0, speech_s / WHOLE_VOTE_S)
        if left == 1.0 or not probabilities:
            return self
        mixed = {
            language: left * self.shares.get(language, 0.0) + (1 - left) * probabilities.get(language, 0.0)
            for language in sorted({*self.shares, *probabilities})
        }
        shares = {language: round(share, 4) for language, share in mixed.items() if share >= _FORGOTTEN}
        leader = max(mixed, key=lambda language: mixed[language])
        # A language that has no probability in this chunk is as unlikely as one that has next to none.
        current = self.language
        if current is None or mixed[leader] >= mixed.get(current, 0.0) + LEAD:
            current = leader
        return Votes(current, shares)

    def contradict(self, told: str) -> str | None:
        """The language that the chunks of a source are in, if that is certain, and not what was told."""
        alike = next((languages for languages in _ALIKE if told in languages), {told})
        certain = [language for language, share in self.shares.items() if share >= CONTRADICTION]
        return next((language for language in certain if language not in alike), None)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {"language": self.language, "shares": dict(self.shares)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Votes:
        """The inverse of `as_dict`."""
        return cls(values["language"], values["shares"])
