"""What is measured between two steps of training, on clips that are not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import WhisperForConditionalGeneration

from trainer.batches import collate
from trainer.evaluate import evaluate
from trainer.examples import SAMPLE_RATE, Example
from trainer.features import LogMel
from trainer.losses import Heads, Targets, Weights, losses
from trainer.tokenizer import Speller

#: Examples in a batch of which the loss is measured.
_BATCH = 16


@dataclass(frozen=True)
class DevMeasure:
    """Loss and word error rate on examples, at the acoustic context that the model is trained for."""

    examples: Sequence[Example]
    speller: Speller
    context_s: float

    def __call__(self, model: WhisperForConditionalGeneration) -> dict[str, float]:
        model.eval()
        wer_percent = word_error_percent(model, self.speller, self.examples, self.context_s)
        return {"dev_loss": self._loss(model), "dev_wer_percent": round(wer_percent, 4)}

    @torch.no_grad()
    def _loss(self, model: WhisperForConditionalGeneration) -> float:
        heads, log_mel = Heads(model.config.d_model, 1), LogMel(model.config.num_mel_bins)
        total, tokens = 0.0, 0
        ordered = sorted(self.examples, key=lambda example: example.duration_s)
        for start in range(0, len(ordered), _BATCH):
            some = ordered[start : start + _BATCH]
            batch = collate(some, self.speller, log_mel, least_s=self.context_s, most_s=self.context_s)
            count = Targets.of(batch).tokens
            found = losses(model, heads, batch.to(model.device), Weights(0, 0, 0))
            total, tokens = total + count * float(found.cross_entropy), tokens + count
        return total / max(1, tokens)


def word_error_percent(
    model: WhisperForConditionalGeneration, speller: Speller, examples: Sequence[Example], context_s: float
) -> float:
    """The one place where training asks the evaluation."""
    return evaluate(model, speller, [_padded(example, context_s) for example in examples]).wer_percent


def _padded(example: Example, duration_s: float) -> Example:
    missing = max(0, round(duration_s * SAMPLE_RATE) - len(example.audio))
    return replace(example, audio=np.pad(example.audio, (0, missing)))
