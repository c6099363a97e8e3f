"""Audio-context fine-tuning: a model is taught to find at a short acoustic context what it found at its full one.

Whisper pads everything to 30 s, and breaks where it is not padded. A frozen copy of it, the teacher, hears each batch
with silence up to the full context, and reads what the student reads; the student, who hears the batch as it is, is to
have the same states behind the decoder's last layer (FUTO, whisper-acft). Texts are read all the same: both decoders
are given them.
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
    """A model as it was before training, and the encoder positions of its full context."""

    model: WhisperForConditionalGeneration
    positions: int

    @classmethod
    def of(
        cls, model: WhisperForConditionalGeneration, context_s: float, dtype: torch.dtype = torch.float32
    ) -> Teacher:
        """A frozen copy on the model's device; in half precision it takes half the memory."""
        frozen = copy.deepcopy(model).eval().requires_grad_(False)
        torch.nn.Module.to(frozen, dtype)
        return cls(frozen, round(context_s * POSITIONS_PER_S))

    @torch.no_grad()
    def states(self, batch: Batch) -> Tensor:
        """Its last decoder states [B, L, d_model] for what the student reads."""
        heard = with_silence(batch.features, 2 * self.positions).to(self.model.dtype)
        with short_context(self.model, heard.shape[-1] // 2):
            states = self.model.get_encoder()(heard).last_hidden_state
            return read(self.model, batch.tokens, states)


def matching_loss(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """Mean squared difference of states [B, L, d_model], summed over where labels [B, L] ask for something."""
    apart = (student.float() - teacher.float()).square().mean(-1)
    return (apart * (labels != IGNORED)).sum()
