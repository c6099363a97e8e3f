"""Word error rate, by the normaliser that everyone uses, of a model that writes greedily at a short context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import torch
from transformers import WhisperForConditionalGeneration
from transformers.models.whisper.english_normalizer import BasicTextNormalizer

from trainer.batches import collate
from trainer.examples import SAMPLE_RATE, Example
from trainer.features import LogMel
from trainer.model import short_context
from trainer.tokenizer import Speller

#: Tokens a model may write for each second of audio, and at least: a model that repeats itself must end.
TOKENS_PER_S, TOKENS_AT_LEAST = 10, 12

#: Keeps å ä ö: `remove_diacritics=True` would make other words of them.
_normalize = BasicTextNormalizer(remove_diacritics=False)


@dataclass(frozen=True)
class Score:
    """Errors over a set of utterances, in words."""

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def wer_percent(self) -> float:
        return 100 * (self.substitutions + self.deletions + self.insertions) / max(1, self.words)


def normalize(text: str) -> str:
    """Lower case without punctuation, as WER is counted."""
    return " ".join(_normalize(text).split())


def score(references: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Count errors; references that are empty once normalised have no words to miss and are left out."""
    pairs = [(normalize(r), normalize(h)) for r, h in zip(references, hypotheses, strict=True)]
    pairs = [(r, h) for r, h in pairs if r]
    found = jiwer.process_words([r for r, _ in pairs], [h for _, h in pairs])
    words = found.hits + found.substitutions + found.deletions
    return Score(words, found.substitutions, found.deletions, found.insertions)


@torch.no_grad()
def transcribe(
    model: WhisperForConditionalGeneration, speller: Speller, examples: Sequence[Example], batch: int = 32
) -> list[str]:
    """What the model writes, given the language; in the order of the examples."""
    log_mel = LogMel(model.config.num_mel_bins)
    texts = [""] * len(examples)
    order = sorted(range(len(examples)), key=lambda i: (examples[i].language, examples[i].duration_s))
    for start in range(0, len(order), batch):
        for language in dict.fromkeys(examples[i].language for i in order[start : start + batch]):
            chosen = [i for i in order[start : start + batch] if examples[i].language == language]
            for i, text in zip(chosen, _write(model, speller, [examples[i] for i in chosen], log_mel), strict=True):
                texts[i] = text
    return texts


def evaluate(model: WhisperForConditionalGeneration, speller: Speller, examples: Sequence[Example]) -> Score:
    """Score a model on examples."""
    model.eval()
    return score([example.text for example in examples], transcribe(model, speller, examples))


def _write(
    model: WhisperForConditionalGeneration, speller: Speller, examples: Sequence[Example], log_mel: LogMel
) -> list[str]:
    """Greedy decoding by a plain loop with a cache: what `generate` does, without what it costs a step."""
    features = collate(examples, speller, log_mel).features
    longest_s = max(len(example.audio) for example in examples) / SAMPLE_RATE
    prefix = speller.prefix(examples[0].language)
    limit = min(
        model.config.max_target_positions - len(prefix),
        max(TOKENS_AT_LEAST, round(longest_s * TOKENS_PER_S)),
    )
    with short_context(model, features.shape[-1] // 2):
        states = model.get_encoder()(features).last_hidden_state
    tokens = torch.tensor([prefix] * len(examples))
    written: list[torch.Tensor] = []
    ended = torch.zeros(len(examples), dtype=torch.bool)
    cache = None
    for _ in range(limit):
        decoded = model.get_decoder()(
            input_ids=tokens, encoder_hidden_states=states, past_key_values=cache, use_cache=True
        )
        cache = decoded.past_key_values
        logits = model.proj_out(decoded.last_hidden_state[:, -1])
        # Only text and the end: special tokens and timestamps come after the end token.
        best = logits[:, : speller.end + 1].argmax(-1).masked_fill(ended, speller.end)
        written.append(best)
        ended |= best == speller.end
        if ended.all():
            break
        tokens = best[:, None]
    rows = torch.stack(written, 1).tolist()
    return [speller.tokenizer.decode(row, skip_special_tokens=True).strip() for row in rows]
