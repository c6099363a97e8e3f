"""Detect a source's language by votes: one chunk is too short to be reliable (LinTO cut mislabels from 13 % to 0.05 %
with 180 characters of history).

A chunk whose language is in doubt is decoded in each candidate language. The seam, where a source's chunks come in
order, decides between them: every chunk votes with the model's probabilities, weighted by its amount of speech, and
older votes fade. The current language changes only if another one leads clearly: one foreign word or one doubtful chunk
does not change it, but a new programme does within three chunks. A sentence that is certainly in another language is
not subject to votes: it is captioned in its own language (`reading`), and so is the one after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: A language that is less likely than this is not a candidate. The bundled model is in doubt only in noise that is
#: louder than usual on radio; `python -m benchmarks.engine --detect` shows what a second language costs.
DOUBT = 0.05

#: Maximum number of languages in which one utterance is decoded; each costs as much as the first.
MAX_CANDIDATES = 3

#: Seconds of speech that give a whole vote; a chunk with less has a fraction of one, and none has more.
WHOLE_VOTE_S = 2.0

#: Factor by which a whole vote reduces the votes before it.
FADE = 0.5

#: Lead that another language needs to take over. All votes add up to 1, so one vote, which weighs as much as all before
#: it, is not enough; two can be.
LEAD = 0.2

#: Share of all votes that contradicts a configured language; it takes at least four chunks to reach it.
CONTRADICTION = 0.9

#: Languages that differ in spelling or name rather than in sound.
_ALIKE = ({"no", "nn"}, {"bs", "hr", "sr"}, {"id", "ms"}, {"hi", "ur"})

#: Languages whose share has faded to less than this are forgotten.
_FORGOTTEN = 0.005


def candidates(probabilities: Mapping[str, float]) -> list[str]:
    """The languages in which to decode an utterance, the likeliest first; only that one unless it is in doubt.

    They depend only on the utterance, so any worker gets the same result at any time.
    """
    ranked = sorted(probabilities, key=lambda language: (-probabilities[language], language))
    return ranked[:1] + [language for language in ranked[1:MAX_CANDIDATES] if probabilities[language] >= DOUBT]


@dataclass(frozen=True)
class Votes:
    """The votes of a source's chunks so far."""

    language: str | None = None  # current; None before the first vote
    shares: Mapping[str, float] = field(default_factory=dict)

    def after(self, probabilities: Mapping[str, float], speech_s: float) -> Votes:
        """The votes including one more chunk's.

        Args:
            probabilities: of the languages; empty from a model with one language.
            speech_s: duration of the chunk's new words. A chunk without speech does not vote.
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
        # A language that is missing from this chunk's probabilities counts as 0.
        current = self.language
        if current is None or mixed[leader] >= mixed.get(current, 0.0) + LEAD:
            current = leader
        return Votes(current, shares)

    def contradiction(self, configured: str) -> str | None:
        """The language that a source is certainly in, if it differs from the configured one; else None."""
        alike = next((languages for languages in _ALIKE if configured in languages), {configured})
        certain = [language for language, share in self.shares.items() if share >= CONTRADICTION]
        return next((language for language in certain if language not in alike), None)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {"language": self.language, "shares": dict(self.shares)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Votes:
        """The inverse of `as_dict`."""
        return cls(values["language"], values["shares"])
