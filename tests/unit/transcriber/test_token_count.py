"""Scripts with few letters in the vocabulary: each letter takes several tokens, of which one begins it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
import torch

from transcriber.engine import Hypothesis
from transcriber.rules import max_tokens, too_fast
from transcriber.whisper.greedy import Decoded, GreedyDecoder
from transcriber.whisper.model import Model, load
from transcriber.whisper.word_times import alignment_heads
from wire.messages import Word

pytestmark = pytest.mark.usefixtures("one_thread")

#: Texts of about two seconds at a calm pace: Georgian, Malayalam and Burmese, and Swedish for comparison.
READ_S = 2.0
TEXTS = ("საქართველოს დედაქალაქი თბილისია", "കേരളത്തിന്റെ തലസ്ഥാനം", "မြန်မာနိုင်ငံ၏ မြို့တော်", "Sveriges huvudstad är Stockholm.")


@pytest.fixture(scope="module")
def model() -> Model:
    return load("demo/model", device="cpu")


@pytest.mark.parametrize("text", TEXTS)
def test_at_most_one_token_per_character_counts(model: Model, text: str) -> None:
    ids = model.tokenizer.encode(text, add_special_tokens=False)
    assert 0 < model.tokens.count(ids) <= min(len(ids), len(text))
    assert model.tokens.count(ids) <= max_tokens(READ_S)


def test_a_letter_of_several_tokens_counts_once(model: Model) -> None:
    for letter in "ქമမ":
        ids = model.tokenizer.encode(letter, add_special_tokens=False)
        assert len(ids) > 1
        assert model.tokens.count(ids) == 1
    assert not {id for id in model.tokens.within if id >= model.tokens.end}


def test_limit_counts_only_tokens_that_begin_a_character(model: Model) -> None:
    """The same noise three times: with no, some or all tokens beginning within a character."""
    states = torch.randn(1, model.positions, model.whisper.config.d_model, generator=torch.Generator().manual_seed(1))
    prefix = model.tokens.prefix("sv", "transcribe")
    config = model.whisper.config
    heads = alignment_heads(model.whisper.generation_config, config.decoder_layers, config.decoder_attention_heads)

    def written(within: Collection[int]) -> Decoded:
        tokens = replace(
            model.tokens, within=frozenset(within), suppressed=(*model.tokens.suppressed, model.tokens.end)
        )  # the text never ends by itself
        decode = GreedyDecoder(model.whisper, tokens, heads)
        [[found]] = decode(states, lambda first: [[prefix]], [12])
        return found

    assert len(written(()).tokens) == 12
    everything = written(range(model.tokens.end))
    assert len(everything.tokens) == model.whisper.config.max_target_positions - len(prefix)
    assert everything.truncated


def test_rate_counts_only_tokens_that_begin_a_character() -> None:
    spoken = Hypothesis(words=(Word("a", 0.0, 1.0),), text="a", tokens=max_tokens(1.0))
    assert not too_fast(spoken)
    assert too_fast(replace(spoken, tokens=spoken.tokens + 1))
