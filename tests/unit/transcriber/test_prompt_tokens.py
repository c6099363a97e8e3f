"""Prompts with real tokenizers: the same tokens as in transformers, and only text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import WhisperTokenizer

from transcriber.prompt import Prompt, prompt_tokens

HOT_WORDS = ("Bodil Jönsson", "Umeå", "Åse-Marie d'Håf", "東京", "FN:s")
PREVIOUS = "Här är nyheterna. Klockan är 12.30 – och det är fredag, sade hon."


def spelt(tokenizer: Any, prompt: Prompt) -> list[int]:
    id_of = tokenizer.convert_tokens_to_ids
    return prompt_tokens(
        prompt,
        lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
        id_of("<|startofprev|>"),
        id_of("<|endoftext|>"),
        positions=448,
    )


def check(tokenizer: Any) -> None:
    for prompt, text in [
        (Prompt(HOT_WORDS), ", ".join(HOT_WORDS)),
        (Prompt((), PREVIOUS), PREVIOUS),
        (Prompt(HOT_WORDS[:2], PREVIOUS), f"{', '.join(HOT_WORDS[:2])} {PREVIOUS}"),
    ]:
        assert spelt(tokenizer, prompt) == tokenizer.get_prompt_ids(text).tolist()
    plain = spelt(tokenizer, Prompt(("<|endoftext|>", "a<|sv|>"), "<|startoftranscript|> b <|notimestamps|>"))
    assert not set(plain[1:]) & set(tokenizer.all_special_ids)


def test_bytes_as_vocabulary(tiny_checkpoint: Path) -> None:
    check(WhisperTokenizer.from_pretrained(tiny_checkpoint))


@pytest.mark.parametrize("large", [False, True])
def test_openai_vocabulary(openai_checkpoint: Callable[..., Path], large: bool) -> None:
    check(WhisperTokenizer.from_pretrained(openai_checkpoint(large=large)))
