"""Whether what was written is tried again, with beam search, because the model was in doubt about it.

Greedy decoding commits itself to its first word. A window that begins in the middle of a sentence gives the least to
choose that by, and one wrong word there takes a whole sentence with it: with the bundled model, most words that were
lost or wrong lay within 1.5 s behind the beginning of such a window, and the mean log-probability told which windows
these were. openai/whisper tries again at a higher temperature, from -1.0 on, which a small model hardly ever reaches;
beams find the better text at once, and always the same.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SecondTry:
    """When there is one, and how wide it is.

    Attributes:
        below: mean log-probability of a text, below which it is tried again; 0: all are.
        beams: texts that are weighed against each other; 1: there is no second try.
        above: mean log-probability that a text must have to be taken from a search. Out of music a search makes
            sentences, too: `benchmarks.captions` counted up to six an hour without this, none with it, and as many
            words right.
    """

    below: float = -0.1
    beams: int = 5
    above: float = -0.3

    def doubts(self, mean_log_probability: float, tokens: int) -> bool:
        """Whether a text is in doubt. Where nothing was written there is nothing that could be better."""
        return tokens > 0 and mean_log_probability < self.below

    def better(self, found: float, first: float) -> bool:
        """Whether a text that was found, by its mean log-probability, replaces the first one."""
        return found > max(first, self.above)
