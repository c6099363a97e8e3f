"""BPE dropout (Provilkov et al. 2020): randomly tokenise words in unusual ways.

tokenizers implements it, but with a generator that cannot be seeded: a run could neither be repeated nor resumed.
"""

from __future__ import annotations

import itertools
import json
import random

from transformers import WhisperTokenizer


class BpeDropout:
    """Tokenises text with the merges of a tokenizer, each of which is dropped with probability `share`."""

    def __init__(self, tokenizer: WhisperTokenizer, share: float) -> None:
        backend = tokenizer.backend_tokenizer
        state = json.loads(backend.to_str())["model"]
        self._pre_tokenizer = backend.pre_tokenizer
        self._ids: dict[str, int] = state["vocab"]
        self._ranks = {tuple(merge): rank for rank, merge in enumerate(state["merges"])}
        self._share = share

    def ids(self, text: str, rng: random.Random) -> list[int]:
        """Ids of a text; with share 0, the same as the tokenizer's."""
        pieces = self._pre_tokenizer.pre_tokenize_str(text)
        return [self._ids[token] for piece, _ in pieces for token in self._merge(piece, rng)]

    def _merge(self, piece: str, rng: random.Random) -> list[str]:
        """Merge the best pair that is not dropped, until all remaining pairs are, as in the paper's algorithm."""
        tokens = list(piece)
        while len(tokens) > 1:
            pairs = ((self._ranks.get(pair), place) for place, pair in enumerate(itertools.pairwise(tokens)))
            kept = [(rank, place) for rank, place in pairs if rank is not None and rng.random() >= self._share]
            if not kept:
                break
            _, place = min(kept)
            tokens[place : place + 2] = [tokens[place] + tokens[place + 1]]
        return tokens
