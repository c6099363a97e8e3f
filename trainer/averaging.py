"""A moving average of the weights: better than any single step's while the learning rate is still high."""

from __future__ import annotations

import copy

import torch
from transformers import WhisperForConditionalGeneration


class Average:
    """`model` holds the average; it is what is measured and published."""

    def __init__(self, model: WhisperForConditionalGeneration, decay: float) -> None:
        self.model = copy.deepcopy(model).eval()
        self.model.requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, model: WhisperForConditionalGeneration, batches: int) -> None:
        """Move towards `model`, fast at first: after n batches over about the last tenth of them, up to the decay."""
        decay = min(self._decay, (1 + batches) / (10 + batches))
        averaged = list(self.model.parameters())
        torch._foreach_lerp_(averaged, list(model.parameters()), 1 - decay)
