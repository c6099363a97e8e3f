"""Whispers of OpenAI's sizes with random weights."""

from __future__ import annotations

from transformers import WhisperConfig, WhisperForConditionalGeneration

from trainer.models.whisper import SIZES

#: Size of OpenAI's multilingual vocabulary by mel bins, and its first id that is not text.
VOCABULARY = {80: 51865, 128: 51866}
END = 50257


def whisper(size: str) -> WhisperForConditionalGeneration:
    """A Whisper of a named size with random weights, on torch's default device."""
    shape = SIZES[size].shape
    return WhisperForConditionalGeneration(WhisperConfig(vocab_size=VOCABULARY[shape["num_mel_bins"]], **shape))
