"""Whispers with random weights: one with a tokenizer made on the spot, others with OpenAI's own, if it is at hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: OpenAI Whisper's tokenizer and configuration, without weights.
SHARED = Path(__file__).resolve().parents[4] / "shared" / "speech" / "whisper-tokenizer"

LANGUAGES = ("en", "sv")


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Whisper: bytes as vocabulary, 7 s of context, two languages."""
    import torch
    from tokenizers import AddedToken, pre_tokenizers
    from transformers import WhisperFeatureExtractor, WhisperTokenizer

    folder = tmp_path_factory.mktemp("tiny-whisper")
    alphabet = {token: id for id, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = WhisperTokenizer(vocab=alphabet, merges=[])
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{language}|>" for language in LANGUAGES)]
    special += [
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
    ]
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=True) for token in special], special_tokens=True)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(chunk_length=7).save_pretrained(folder)
    ids = tokenizer.convert_tokens_to_ids
    torch.manual_seed(7)
    save_whisper(
        folder,
        vocab_size=len(tokenizer),
        max_source_positions=350,
        decoder_start_token_id=ids("<|startoftranscript|>"),
        eos_token_id=ids("<|endoftext|>"),
        pad_token_id=ids("<|endoftext|>"),
        bos_token_id=ids("<|endoftext|>"),
        max_target_positions=64,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    return folder


@pytest.fixture(scope="session")
def openai_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`openai_checkpoint(large=False)`: random weights behind OpenAI's tokenizer, as tiny or as large-v3 has it."""
    if not SHARED.is_dir():
        pytest.skip("OpenAI's tokenizer is not at hand")

    def make(*, large: bool = False) -> Path:
        import torch
        from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperTokenizer

        folder = tmp_path_factory.mktemp("openai-whisper")
        tokenizer = WhisperTokenizer.from_pretrained(SHARED)
        generation = GenerationConfig.from_pretrained(SHARED)
        if large:
            tokenizer = _with_cantonese(tokenizer)
        tokenizer.save_pretrained(folder)
        shutil.copy(SHARED / "normalizer.json", folder)
        WhisperFeatureExtractor(feature_size=128 if large else 80).save_pretrained(folder)
        config = WhisperConfig.from_pretrained(SHARED)
        torch.manual_seed(7)
        generation.alignment_heads = None
        save_whisper(
            folder,
            vocab_size=51866 if large else 51865,
            num_mel_bins=128 if large else 80,
            max_source_positions=config.max_source_positions,
            max_target_positions=config.max_target_positions,
            decoder_start_token_id=config.decoder_start_token_id,
            eos_token_id=config.eos_token_id,
            pad_token_id=config.pad_token_id,
            bos_token_id=config.bos_token_id,
            generation=generation,
        )
        return folder

    return make


def save_whisper(folder: Path, *, generation: Any = None, **config: Any) -> None:
    """Write a Whisper of random weights."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    size = {"d_model": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    depth = {"encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    model = WhisperForConditionalGeneration(WhisperConfig(**size, **depth, init_std=0.3, **config))
    if generation is not None:
        model.generation_config = generation
    model.save_pretrained(folder)


def _with_cantonese(tokenizer: Any) -> Any:
    """large-v3 has one language more, and every id behind it is shifted by one."""
    from tokenizers import AddedToken
    from transformers import WhisperTokenizer

    vocabulary = tokenizer.get_vocab()
    first = vocabulary["<|endoftext|>"]
    special = sorted((token for token, id in vocabulary.items() if id >= first), key=lambda token: vocabulary[token])
    special.insert(special.index("<|translate|>"), "<|yue|>")
    learnt = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [tuple(merge) for merge in learnt["merges"]]
    fresh = WhisperTokenizer(vocab={t: id for t, id in learnt["vocab"].items() if id < first}, merges=merges)
    fresh.add_tokens([AddedToken(token, normalized=False, special=True) for token in special], special_tokens=True)
    return fresh
