"""Dev metrics during training: loss and error rates on held-out clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import WhisperForConditionalGeneration

from trainer.corpus.clips import Clip, Corpus
from trainer.evaluation.evaluate import word_and_character_errors
from trainer.evaluation.recogniser import Recogniser
from trainer.evaluation.utterances import of_clips
from trainer.models.features import LogMel
from trainer.models.precision import Precision, computing
from trainer.models.tokenizer import Speller
from trainer.run_folder import DEV_CER, DEV_WER
from trainer.training.batches import collate
from trainer.training.clip_source import example_of
from trainer.training.losses import Heads, Targets, Weights, compute_losses

#: Clips per batch when the loss is computed.
_BATCH = 16


@dataclass(frozen=True)
class DevMeasure:
    """Computes loss and error rates on clips, at the acoustic context that the model is trained for.

    Attributes:
        precision: as in training.
    """

    corpus: Corpus
    clips: Sequence[Clip]
    speller: Speller
    context_s: float
    language: str = ""
    precision: Precision = "fp32"

    def __call__(self, model: WhisperForConditionalGeneration) -> dict[str, float]:
        model.eval()
        utterances = of_clips(self.corpus, self.clips, self.language or None)
        recogniser = Recogniser.of(model, self.speller)
        with computing(model.device, self.precision):
            words, characters = word_and_character_errors(recogniser, utterances, self.context_s)
            loss = self._loss(model)
        rates = {DEV_WER: words.wer_percent, DEV_CER: characters.wer_percent}
        return {"dev_loss": loss, **{name: round(rate, 4) for name, rate in rates.items()}}

    @torch.no_grad()
    def _loss(self, model: WhisperForConditionalGeneration) -> float:
        heads, log_mel = Heads(model.config.d_model, 1), LogMel(model.config.num_mel_bins).to(model.device)
        total, tokens = 0.0, 0
        for start in range(0, len(self.clips), _BATCH):
            examples = [
                example_of(clip, self.corpus.audio(clip), language=self.language)
                for clip in self.clips[start : start + _BATCH]
            ]
            batch = collate(examples, self.speller, log_mel, least_s=self.context_s, most_s=self.context_s)
            count = Targets.of(batch).tokens
            losses = compute_losses(model, heads, batch.to(model.device), Weights(0, 0, 0))
            total, tokens = total + count * float(losses.cross_entropy), tokens + count
        return total / max(1, tokens)
