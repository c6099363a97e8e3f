"""Whisper models with random weights for tests: their output is nonsense, but follows the rules of a real model.

One has a byte-level tokenizer only. Others have the token ids of OpenAI's models: with OpenAI's tokenizer, if available
(`UNDERTEXT_SPEECH` is a folder that contains `whisper-tokenizer`), or with a generated one whose special tokens have
the same ids.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, pre_tokenizers
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES as EVERY_LANGUAGE

#: OpenAI Whisper's tokenizer and configuration, without weights; None if not available.
OPENAI = Path(os.environ["UNDERTEXT_SPEECH"]) / "whisper-tokenizer" if os.environ.get("UNDERTEXT_SPEECH") else None

#: Number of text tokens in OpenAI's models; English-only ones have one less.
TEXT_TOKENS = 50257

#: Timestamp tokens from 0 to 30 s, every 20 ms, at the end of the vocabulary.
TIMESTAMPS = 1501

_SPECIAL = ("<|endoftext|>", "<|startoftranscript|>")
_TASKS = ("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")


def tiny(folder: Path) -> Path:
    """Save a model with 7 s of context and two languages."""
    alphabet = {token: id for id, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = _tokenizer(alphabet, [], (*_SPECIAL, "<|en|>", "<|sv|>", *_TASKS))
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(chunk_length=7).save_pretrained(folder)
    end, start = tokenizer.convert_tokens_to_ids(list(_SPECIAL))
    _save(
        folder,
        7,
        vocab_size=len(tokenizer),
        max_source_positions=350,
        max_target_positions=64,
        decoder_start_token_id=start,
        **dict.fromkeys(("eos_token_id", "pad_token_id", "bos_token_id"), end),
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    return folder


def like_openai(folder: Path, *, large: bool = False, english: bool = False, own: bool = False) -> Path:
    """Save a model with the token ids of OpenAI's models.

    Args:
        large: with 128 mel bins and one language more, like large-v3; else with 80 bins, like tiny.
        english: English only, like tiny.en.
        own: with OpenAI's tokenizer, that of tiny.
    """
    tokenizer = _openai_tokenizer(large) if own else _made_tokenizer(large, english)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=128 if large else 80).save_pretrained(folder)
    id = tokenizer.convert_tokens_to_ids
    end, start = id(list(_SPECIAL))
    ids = {"decoder_start_token_id": start, **dict.fromkeys(("eos_token_id", "pad_token_id", "bos_token_id"), end)}
    languages = {} if english else {f"<|{code}|>": id(f"<|{code}|>") for code in _languages(large)}
    vocabulary = id("<|notimestamps|>") + 1 + TIMESTAMPS
    generation = GenerationConfig(
        **ids,
        is_multilingual=not english,
        lang_to_id=languages,
        task_to_id={} if english else {task: id(f"<|{task}|>") for task in ("transcribe", "translate")},
        no_timestamps_token_id=id("<|notimestamps|>"),
        prev_sot_token_id=id("<|startofprev|>"),
        begin_suppress_tokens=[220, end],
        # OpenAI suppresses symbols such as (♪); here any text will do. And all timestamps: random weights predict them
        # even if they are disabled, and transformers' `generate` would then restart after them.
        suppress_tokens=[1, 2, 7, *range(start, vocabulary)],
        max_length=448,
        return_timestamps=False,
    )
    bins = 128 if large else 80
    seed = 9  # with others, one language is always detected
    _save(folder, seed, vocab_size=vocabulary, num_mel_bins=bins, generation=generation, **ids)
    return folder


def _save(folder: Path, seed: int, *, generation: GenerationConfig | None = None, **config: Any) -> None:
    torch.manual_seed(seed)
    size = {"d_model": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    depth = {"encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    model = WhisperForConditionalGeneration(WhisperConfig(**size, **depth, init_std=0.3, **config))
    if generation is not None:
        model.generation_config = generation
    model.save_pretrained(folder)


def _languages(large: bool) -> list[str]:
    return [code for code in EVERY_LANGUAGE if large or code != "yue"]


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]], special: tuple[str, ...]) -> WhisperTokenizer:
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=merges)
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=True) for token in special], special_tokens=True)
    return tokenizer


def _made_tokenizer(large: bool, english: bool) -> WhisperTokenizer:
    """A tokenizer of bytes and words of three letters, followed by OpenAI's special tokens in OpenAI's order."""
    letters = [*map(chr, range(ord("a"), ord("z") + 1)), *map(chr, range(ord("A"), ord("Z") + 1))]
    words = (space + "".join(word) for word in itertools.product(letters, repeat=3) for space in ("Ġ", ""))
    spelled = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *words][: TEXT_TOKENS - english]
    # The tokenizers of English-only models have language tokens, too.
    special = (*_SPECIAL, *(f"<|{code}|>" for code in _languages(large)), *_TASKS)
    return _tokenizer({token: id for id, token in enumerate(spelled)}, [], special)


def _openai_tokenizer(large: bool) -> WhisperTokenizer:
    """OpenAI's tokenizer; that of large-v3 has one language more, which shifts every later id by one."""
    assert OPENAI is not None
    tokenizer = WhisperTokenizer.from_pretrained(OPENAI)
    if not large:
        return tokenizer
    learnt = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary = {token: id for token, id in learnt["vocab"].items() if id < TEXT_TOKENS}
    special = (*_SPECIAL, *(f"<|{code}|>" for code in _languages(large)), *_TASKS)
    return _tokenizer(vocabulary, [(a, b) for a, b in learnt["merges"]], special)
