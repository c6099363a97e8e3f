"""Beam search with Whisper's decoder.

It uses transformers' implementation: that costs more per token than our greedy loop, but few windows need it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, GenerationMixin
from transformers.modeling_outputs import BaseModelOutput

from transcriber.whisper.special_tokens import SpecialTokens

log = logging.getLogger(__name__)


class BeamSearch:
    """Beam search with the decoder of a Whisper model.

    Args:
        whisper: a WhisperForConditionalGeneration in evaluation mode.
    """

    def __init__(self, whisper: Any, tokens: SpecialTokens, beams: int) -> None:
        self._whisper = whisper
        self._tokens = tokens
        self._beams = beams
        self._max_rows: int | None = None  # rows that fit into the device's memory; None: no limit known

    def __call__(self, states: Tensor, prefixes: Sequence[list[int]], caps: Sequence[int]) -> list[list[int]]:
        """Find the text with the best mean log-probability for each row of encoder states [B, positions, d_model].

        Args:
            prefixes: initial tokens of each row.
            caps: maximum number of tokens of each row.

        Returns:
            Tokens of each row, with the end token if it was reached.
        """
        texts_by_row: list[list[int]] = [[] for _ in prefixes]
        by_shape: dict[tuple[int, int], list[int]] = {}  # rows that can be batched without padding
        for row, (prefix, cap) in enumerate(zip(prefixes, caps, strict=True)):
            by_shape.setdefault((len(prefix), cap), []).append(row)
        for (length, cap), rows in by_shape.items():
            prefix_ids = torch.tensor([prefixes[row] for row in rows], device=states.device)
            texts = self._search_in_parts(states[torch.tensor(rows, device=states.device)], prefix_ids, cap)
            for row, text in zip(rows, texts, strict=True):
                text_tokens = text[length:]
                ended = self._tokens.end in text_tokens
                texts_by_row[row] = text_tokens[: text_tokens.index(self._tokens.end) + 1] if ended else text_tokens
        return texts_by_row

    def _search_in_parts(self, states: Tensor, prefix_ids: Tensor, cap: int) -> list[list[int]]:
        """Search all rows at once; if a GPU runs out of memory, in halves, and remember that limit.

        Every beam has its own copy of the audio's keys and values: 0.25 GB for large-v3. Eight rows of five beams may
        not fit where one does; without this, every such batch would fail and be retried chunk by chunk.
        """
        texts_by_row: list[list[int]] = []
        while len(texts_by_row) < len(prefix_ids):
            rows_part = slice(len(texts_by_row), len(texts_by_row) + (self._max_rows or len(prefix_ids)))
            try:
                texts_by_row += self._search(states[rows_part], prefix_ids[rows_part], cap).tolist()
            except torch.OutOfMemoryError:
                if len(prefix_ids[rows_part]) == 1:
                    raise
                self._max_rows = len(prefix_ids[rows_part]) // 2
                log.warning("out of memory: beam search is limited to %d texts at once", self._max_rows)
        return texts_by_row

    def _search(self, states: Tensor, prefix_ids: Tensor, cap: int) -> Tensor:
        """Call the generic `generate`: Whisper's override would pad to 30 s and choose its own prefix."""
        tokens = self._tokens
        config = GenerationConfig(
            num_beams=self._beams,
            do_sample=False,
            length_penalty=1.0,
            max_length=prefix_ids.shape[1] + cap,
            eos_token_id=tokens.end,
            pad_token_id=tokens.end,
            decoder_start_token_id=tokens.start,
            suppress_tokens=list(tokens.suppressed) or None,
            begin_suppress_tokens=list(tokens.suppressed_first) or None,
        )
        output: Any = GenerationMixin.generate(
            self._whisper,
            generation_config=config,
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            decoder_input_ids=prefix_ids,
            attention_mask=torch.ones(states.shape[:2], dtype=torch.long, device=states.device),
            decoder_attention_mask=torch.ones_like(prefix_ids),
        )
        return torch.as_tensor(output)
