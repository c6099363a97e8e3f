"""Decide whether to decode a text again with beam search, because the model was in doubt about it.

Greedy decoding commits to its first word. A window that begins in the middle of a sentence offers little context for
it, and one wrong word there can ruin the whole sentence: with the bundled model, most lost or wrong words were within
1.5 s after the beginning of such a window, and the mean log-probability identified those windows. openai/whisper
retries at a higher temperature below -1.0, which a small model hardly ever reaches; beam search finds the better text
at once, and deterministically.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SecondTry:
    """When to search again, and how widely.

    Attributes:
        below: mean log-probability below which a text is decoded again; 0: every text is.
        beams: beam size; 1: nothing is decoded again.
        above: minimum mean log-probability of a result. Beam search also finds sentences in music:
            `benchmarks.captions` counted up to six an hour without this limit, none with it, and as many correct words.
    """

    below: float = -0.1
    beams: int = 5
    above: float = -0.3

    def doubts(self, mean_log_probability: float, tokens: int) -> bool:
        """Whether a text is in doubt. An empty text is never decoded again."""
        return tokens > 0 and mean_log_probability < self.below

    def better(self, second: float, first: float) -> bool:
        """Whether the result of a search replaces the first text, by their mean log-probabilities."""
        return second > max(first, self.above)
