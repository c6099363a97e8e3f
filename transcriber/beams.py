"""Beam search with a Whisper's decoder.

It is transformers' own: it costs more for a token than our greedy loop does, but few windows need it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, GenerationMixin
from transformers.modeling_outputs import BaseModelOutput

from transcriber.special_tokens import SpecialTokens

log = logging.getLogger(__name__)


class BeamSearch:
    """Searches with a Whisper's decoder.

    Args:
        whisper: a WhisperForConditionalGeneration in evaluation mode.
    """

    def __init__(self, whisper: Any, tokens: SpecialTokens, beams: int) -> None:
        self._whisper = whisper
        self._tokens = tokens
        self._beams = beams
        self._most: int | None = None  # rows that the device has room for at once; None: any, as far as is known

    def __call__(self, states: Tensor, prefixes: Sequence[list[int]], caps: Sequence[int]) -> list[list[int]]:
        """The likeliest text of each row, of encoder states [B, positions, d_model], by its mean log-probability.

        Args:
            prefixes: what each row starts from.
            caps: most tokens of each row.

        Returns:
            Tokens, with the end token if it was reached.
        """
        found: list[list[int]] = [[] for _ in prefixes]
        alike: dict[tuple[int, int], list[int]] = {}  # rows that go together without padding
        for row, (prefix, cap) in enumerate(zip(prefixes, caps, strict=True)):
            alike.setdefault((len(prefix), cap), []).append(row)
        for (length, cap), rows in alike.items():
            begun = torch.tensor([prefixes[row] for row in rows], device=states.device)
            texts = self._within_memory(states[torch.tensor(rows, device=states.device)], begun, cap)
            for row, text in zip(rows, texts, strict=True):
                written = text[length:]
                ended = self._tokens.end in written
                found[row] = written[: written.index(self._tokens.end) + 1] if ended else written
        return found

    def _within_memory(self, states: Tensor, begun: Tensor, cap: int) -> list[list[int]]:
        """Search rows together; where a GPU's memory ends, in halves, and from then on no more at once.

        Every beam has the audio's keys and values for itself: 0.25 GB of large-v3. What fits once, eight times five
        beams of it do not; the whole batch would fail, and be tried chunk by chunk, again and again.
        """
        found: list[list[int]] = []
        while len(found) < len(begun):
            part = slice(len(found), len(found) + (self._most or len(begun)))
            try:
                found += self._search(states[part], begun[part], cap).tolist()
            except torch.OutOfMemoryError:
                if len(begun[part]) == 1:
                    raise
                self._most = len(begun[part]) // 2
                log.warning("memory has room for a search of %d texts at once; more are searched in parts", self._most)
        return found

    def _search(self, states: Tensor, begun: Tensor, cap: int) -> Tensor:
        """Whisper's own `generate` is passed over: it would pad to 30 s and choose the prefix anew."""
        tokens = self._tokens
        config = GenerationConfig(
            num_beams=self._beams,
            do_sample=False,
            length_penalty=1.0,
            max_length=begun.shape[1] + cap,
            eos_token_id=tokens.end,
            pad_token_id=tokens.end,
            decoder_start_token_id=tokens.start,
            suppress_tokens=list(tokens.suppressed) or None,
            begin_suppress_tokens=list(tokens.suppressed_first) or None,
        )
        searched: Any = GenerationMixin.generate(
            self._whisper,
            generation_config=config,
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            decoder_input_ids=begun,
            attention_mask=torch.ones(states.shape[:2], dtype=torch.long, device=states.device),
            decoder_attention_mask=torch.ones_like(begun),
        )
        return torch.as_tensor(searched)
