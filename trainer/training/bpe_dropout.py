"""Words spelt in other tokens than usual, drawn anew each time: BPE dropout (Provilkov et al. 2020).

tokenizers has it too, but draws from a generator that cannot be seeded: a run could neither be repeated nor resumed.
"""

from __future__ import annotations

import itertools
import json
import random

from transformers import WhisperTokenizer


class BpeDropout:
    """Spells words by the merges of a tokenizer, each of which fails with a chance of `share`."""

    def __init__(self, tokenizer: WhisperTokenizer, share: float) -> None:
        backend = tokenizer.backend_tokenizer
        state = json.loads(backend.to_str())["model"]
        self._cut = backend.pre_tokenizer
        self._ids: dict[str, int] = state["vocab"]
        self._ranks = {tuple(merge): rank for rank, merge in enumerate(state["merges"])}
        self._share = share

    def ids(self, text: str, rng: random.Random) -> list[int]:
        """Ids of a text; at a share of 0 those of the tokenizer."""
        return [self._ids[token] for piece, _ in self._cut.pre_tokenize_str(text) for token in self._merged(piece, rng)]

    def _merged(self, piece: str, rng: random.Random) -> list[str]:
        """Merge the best pair that does not fail until all that are left fail, as the paper's algorithm does."""
        tokens = list(piece)
        while len(tokens) > 1:
            pairs = ((self._ranks.get(pair), place) for place, pair in enumerate(itertools.pairwise(tokens)))
            kept = [(rank, place) for rank, place in pairs if rank is not None and rng.random() >= self._share]
            if not kept:
                break
            _, place = min(kept)
            tokens[place : place + 2] = [tokens[place] + tokens[place + 1]]
        return tokens
