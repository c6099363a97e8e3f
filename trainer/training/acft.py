"""Audio-context fine-tuning: train a model to compute at a short acoustic context what it computes at its full one.

Whisper pads all audio to 30 s and breaks without padding. A frozen copy, the teacher, gets each batch padded with
silence to the full context; the student gets it unpadded, and its states after the decoder's last layer are trained to
match the teacher's (FUTO, whisper-acft). Both decoders read the same text.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import WhisperForConditionalGeneration

from trainer.models.features import POSITIONS_PER_S, with_silence
from trainer.models.whisper import read, short_context
from trainer.training.batches import Batch
from trainer.training.spelling import IGNORED


@dataclass(frozen=True)
class Teacher:
    """A frozen copy of the model before training, and the number of encoder positions of its full context."""

    model: WhisperForConditionalGeneration
    positions: int

    @classmethod
    def of(
        cls, model: WhisperForConditionalGeneration, context_s: float, dtype: torch.dtype = torch.float32
    ) -> Teacher:
        """Copy and freeze a model, on its device; half precision takes half the memory."""
        frozen = copy.deepcopy(model).eval().requires_grad_(False)
        torch.nn.Module.to(frozen, dtype)
        return cls(frozen, round(context_s * POSITIONS_PER_S))

    @torch.no_grad()
    def states(self, batch: Batch) -> Tensor:
        """The last decoder states [B, L, d_model] for the student's input tokens."""
        features = with_silence(batch.features, 2 * self.positions).to(self.model.dtype)
        with short_context(self.model, features.shape[-1] // 2):
            states = self.model.get_encoder()(features).last_hidden_state
            return read(self.model, batch.tokens, states)


def matching_loss(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """Mean squared difference of states [B, L, d_model], summed over the positions whose label [B, L] counts."""
    distance = (student.float() - teacher.float()).square().mean(-1)
    return (distance * (labels != IGNORED)).sum()
