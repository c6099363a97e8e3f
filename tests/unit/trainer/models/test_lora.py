from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import WhisperForConditionalGeneration

from trainer.examples import ExampleSource
from trainer.models.checkpoints import generation_config, save
from trainer.models.features import LogMel
from trainer.models.lora import TARGETS, adapt, merged
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, halve_frozen, new_model
from trainer.training.averaging import trained
from trainer.training.batches import collate
from trainer.training.loop import step
from trainer.training.losses import Weights
from trainer.training.plan import Plan
from trainer.training.run import Run

PLAN = Plan(utterances=1000, learning_rate=1e-2, warm_up_steps=1, weights=Weights(0, 0, 0), average_decay=0.0)


@pytest.fixture
def adapted(speller: Speller, tiny: Size) -> WhisperForConditionalGeneration:
    model = new_model(tiny, speller, 1)
    adapt(model, 4, 8, TARGETS, seed=2)
    return model


def test_adapters_alone_are_trained_and_change_nothing_at_first(
    adapted: WhisperForConditionalGeneration, speller: Speller, tiny: Size
) -> None:
    assert trained(adapted)
    assert all(".lora_" in name for name in trained(adapted))
    plain = new_model(tiny, speller, 1).state_dict()
    assert merged(adapted).keys() == plain.keys()
    for name, value in merged(adapted).items():
        assert torch.equal(value, plain[name])


def test_merged_weights_write_what_the_adapters_write_and_the_run_goes_on_unchanged(
    adapted: WhisperForConditionalGeneration, speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    batch = collate([tones.example(index) for index in (0, 1, 3, 7)], speller, LogMel(), least_s=2.0)
    run = Run.start(tmp_path / "run", adapted, speller, PLAN)
    before = float(step(run, [batch]).total)
    for _ in range(10):
        found = float(step(run, [batch]).total)
    run.close()
    assert found < before
    kept = {name: value.clone() for name, value in adapted.state_dict().items()}
    plain = new_model(tiny, speller, 3)
    plain.load_state_dict(merged(adapted))
    with torch.no_grad():
        theirs = adapted.eval()(input_features=batch.features, decoder_input_ids=batch.tokens).logits
        ours = plain.eval()(input_features=batch.features, decoder_input_ids=batch.tokens).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, kept[name]) for name, value in adapted.state_dict().items())


def test_frozen_matrices_in_half_precision_change_nothing(
    checkpoint: Path, speller: Speller, tones: ExampleSource, tmp_path: Path
) -> None:
    batch = collate([tones.example(index) for index in (0, 1, 3, 7)], speller, LogMel(), least_s=2.0)
    found = {}
    for half in (False, True):
        model = WhisperForConditionalGeneration.from_pretrained(checkpoint)
        adapt(model, 4, 8, TARGETS, seed=2)
        if half:
            halve_frozen(model)
        run = Run.start(tmp_path / str(half), model, speller, replace(PLAN, precision="bf16"))
        losses = [float(step(run, [batch]).total) for _ in range(5)]
        run.close()
        found[half] = losses, merged(model), sum(p.nbytes for p in model.parameters() if not p.requires_grad)
    assert found[True][0] == found[False][0]
    for name, value in found[False][1].items():
        assert torch.equal(found[True][1][name], value), name
    assert found[True][2] < 0.7 * found[False][2]


def test_a_saved_model_has_no_adapters(
    adapted: WhisperForConditionalGeneration, speller: Speller, tmp_path: Path
) -> None:
    from transformers import WhisperFeatureExtractor

    generation = generation_config(adapted, speller, ["en", "sv"])
    save(tmp_path, adapted, speller, WhisperFeatureExtractor(chunk_length=2), generation, merged(adapted))
    again, report = WhisperForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    for name, value in merged(adapted).items():
        torch.testing.assert_close(again.state_dict()[name], value.half().float(), rtol=0, atol=0)
