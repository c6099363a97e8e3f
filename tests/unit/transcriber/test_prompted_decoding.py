"""Decoding after prompts, on a Whisper with random weights: same as `generate`, and independent of the batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.unit.transcriber.noises import noise
from transcriber.engine import Utterance
from transcriber.prompt import NO_PROMPT, Prompt
from transcriber.whisper.model import Model, load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine

pytestmark = pytest.mark.usefixtures("one_thread")

#: Of several lengths, so that rows of a batch are padded.
PROMPTS = [NO_PROMPT, Prompt(("Umeå",)), Prompt(("Bodil", "Umeå")), Prompt((), "Här är Ekot."), NO_PROMPT]


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path) -> Model:
    loaded = replace(load(str(tiny_checkpoint), device="cpu"), trained_with_prompts=True)
    generation, tokens = loaded.whisper.generation_config, loaded.tokens
    generation.no_timestamps_token_id = tokens.no_timestamps
    generation.prev_sot_token_id = tokens.start_of_previous
    generation.lang_to_id = {f"<|{code}|>": id for code, id in tokens.languages.items()}
    generation.task_to_id = tokens.tasks
    generation.is_multilingual = True
    return loaded


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    return [Utterance(noise(3.0, seed), "sv", prompt=prompt) for seed, prompt in enumerate(PROMPTS)]


def test_text_is_that_of_transformers_generate(model: Model, utterances: list[Utterance]) -> None:
    engine = TransformersEngine(model, second_try=SecondTry(beams=1))
    for utterance, heard in zip(utterances, engine.transcribe(utterances), strict=True):
        prompt = engine._prompt(utterance)
        written = model.whisper.generate(
            engine._log_mel([utterance.audio], 700),
            language="sv",
            task="transcribe",
            prompt_ids=torch.tensor(prompt) if prompt else None,
            max_new_tokens=20,
        )[0].tolist()
        text = model.tokenizer.decode([token for token in written if token < model.tokens.end]).strip()
        assert len(text) > 5
        assert heard.likeliest.text.startswith(text)


def test_a_prompt_changes_what_is_written(model: Model, utterances: list[Utterance]) -> None:
    engine = TransformersEngine(model)
    bare = engine.transcribe([replace(utterance, prompt=NO_PROMPT) for utterance in utterances])
    changed = [a.likeliest.text != b.likeliest.text for a, b in zip(engine.transcribe(utterances), bare, strict=True)]
    assert changed == [prompt != NO_PROMPT for prompt in PROMPTS]


def test_a_batch_gives_what_each_utterance_alone_gives(model: Model, utterances: list[Utterance]) -> None:
    engine = TransformersEngine(model)
    for utterance, together in zip(utterances, engine.transcribe(utterances), strict=True):
        [alone] = engine.transcribe([utterance])
        a, b = alone.likeliest, together.likeliest
        assert (a.text, a.words) == (b.text, b.words)
        assert a.mean_log_probability == pytest.approx(b.mean_log_probability, abs=1e-4)
        assert a.no_speech_probability == pytest.approx(b.no_speech_probability, abs=1e-5)


def test_rows_survive_nan_from_fully_masked_attention(
    model: Model, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on GPUs."""
    engine = TransformersEngine(model, second_try=SecondTry(beams=1))
    expected, attend, masks = engine.transcribe(utterances), functional.scaled_dot_product_attention, []

    def as_on_a_gpu(*words: Any, attn_mask: Tensor | None = None, **more: Any) -> Tensor:
        found: Tensor = attend(*words, attn_mask=attn_mask, **more)
        if attn_mask is not None:
            masks.append(attn_mask)
            seen = attn_mask if attn_mask.dtype == torch.bool else attn_mask > torch.finfo(attn_mask.dtype).min
            found = found.masked_fill(~seen.any(-1, keepdim=True), torch.nan)
        return found

    monkeypatch.setattr(functional, "scaled_dot_product_attention", as_on_a_gpu)
    assert engine.transcribe(utterances) == expected
    assert masks, "no row is padded"


def test_model_trained_without_prompts_gets_none(model: Model, utterances: list[Utterance]) -> None:
    untaught = TransformersEngine(replace(model, trained_with_prompts=False))
    bare = untaught.transcribe([replace(utterance, prompt=NO_PROMPT) for utterance in utterances])
    assert untaught.transcribe(utterances) == bare


def test_the_longest_prompt_leaves_room_for_text(model: Model, utterances: list[Utterance]) -> None:
    engine = TransformersEngine(model)
    long = replace(utterances[0], prompt=Prompt(("Umeå",), "Det var en gång. " * 50))
    positions = model.whisper.config.max_target_positions
    assert len(engine._prompt(long)) == positions // 2
    [heard] = engine.transcribe([long])
    assert 0 < heard.likeliest.tokens <= positions // 2 - 4
