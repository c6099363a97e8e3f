"""New Whisper models of any size, and any Whisper at a short acoustic context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, WhisperConfig, WhisperForConditionalGeneration

from trainer.models.features import POSITIONS_PER_S
from trainer.models.tokenizer import Speller

#: The attention head for word times: (decoder layer from the end, head).
ALIGNED_LAYER, ALIGNED_HEAD = -1, 0


@dataclass(frozen=True)
class Size:
    """The dimensions of a model. The defaults give 1.8 million parameters: 28 utterances per second on one core."""

    d_model: int = 128
    heads: int = 4
    ffn: int = 512
    encoder_layers: int = 4
    decoder_layers: int = 2
    mels: int = 80
    context_s: int = 7
    max_tokens: int = 96

    @property
    def shape(self) -> dict[str, Any]:
        """The arguments of a WhisperConfig."""
        return {
            "num_mel_bins": self.mels,
            "d_model": self.d_model,
            "encoder_layers": self.encoder_layers,
            "decoder_layers": self.decoder_layers,
            "encoder_attention_heads": self.heads,
            "decoder_attention_heads": self.heads,
            "encoder_ffn_dim": self.ffn,
            "decoder_ffn_dim": self.ffn,
            "max_source_positions": self.context_s * POSITIONS_PER_S,
            "max_target_positions": self.max_tokens,
        }


#: Sizes by name. Those named as OpenAI's have the same dimensions, but the vocabulary of their corpus.
SIZES = {
    "tiny-demo": Size(),
    "tiny": Size(384, 6, 1536, 4, 4, 80, 30, 448),
    "base": Size(512, 8, 2048, 6, 6, 80, 30, 448),
    "small": Size(768, 12, 3072, 12, 12, 80, 30, 448),
    "medium": Size(1024, 16, 4096, 24, 24, 80, 30, 448),
    "large-v3": Size(1280, 20, 5120, 32, 32, 128, 30, 448),
    "large-v3-turbo": Size(1280, 20, 5120, 32, 4, 128, 30, 448),
}


def new_model(
    size: Size, speller: Speller, seed: int, dropouts: Mapping[str, Any] | None = None
) -> WhisperForConditionalGeneration:
    """A Whisper with random weights whose ids match the tokenizer.

    Args:
        dropouts: `dropout`, `activation_dropout` and `attention_dropout` in training; none by default.
    """
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=len(speller.tokenizer),
        **size.shape,
        decoder_start_token_id=speller.start,
        bos_token_id=speller.end,
        eos_token_id=speller.end,
        pad_token_id=speller.end,
        **{"dropout": 0.0, **(dropouts or {})},
    )
    return WhisperForConditionalGeneration(config)


def read(model: WhisperForConditionalGeneration, tokens: Tensor, states: Tensor) -> Tensor:
    """The decoder's last states [B, L, d_model] for given tokens [B, L] (teacher forcing) and encoder states.

    The empty cache is never filled: without one, transformers checks for packed sequences, which synchronises with the
    GPU before it has run the encoder.
    """
    decoded: Tensor = model.get_decoder()(
        input_ids=tokens,
        encoder_hidden_states=states,
        past_key_values=EncoderDecoderCache(DynamicCache(), DynamicCache()),
        use_cache=False,
    ).last_hidden_state
    return decoded


@contextmanager
def short_context(model: WhisperForConditionalGeneration, positions: int) -> Iterator[None]:
    """Run the encoder on `positions` (20 ms each) instead of its full context.

    The position embeddings are a fixed sinusoid, so the first ones fit a shorter clip. All checks of the feature
    length in transformers read the config.
    """
    encoder = model.get_encoder()
    whole, limit = encoder.embed_positions, encoder.config.max_source_positions
    if not 0 < positions <= limit:
        raise ValueError(f"{positions} positions do not fit a context of {limit}")
    encoder.embed_positions = torch.nn.Embedding.from_pretrained(whole.weight[:positions], freeze=True)
    encoder.config.max_source_positions = positions
    try:
        yield
    finally:
        encoder.embed_positions, encoder.config.max_source_positions = whole, limit
