from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import WhisperForConditionalGeneration

from trainer.examples import ExampleSource
from trainer.models.checkpoints import generation_config, save
from trainer.models.features import LogMel
from trainer.models.frozen import convert_frozen
from trainer.models.lora import TARGETS, adapt, merged
from trainer.models.precision import DTYPES, Precision
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
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


def test_merged_weights_are_equivalent_and_merging_leaves_the_model_unchanged(
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


class _Converted(TorchDispatchMode):
    """Names of frozen weights that are converted to another precision in the block."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        frozen = {name: p for name, p in model.named_parameters() if not p.requires_grad}
        self._names = {p.data_ptr(): name for name, p in frozen.items()}
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default and returned.dtype != args[0].dtype:
            self.found |= {self._names[p] for p in (args[0].data_ptr(),) if p in self._names}
        return returned


@pytest.mark.parametrize("single", [False, True], ids=["of half precision", "of single precision"])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_no_step_converts_a_frozen_weight_and_none_is_lost(
    single: bool, precision: Precision, checkpoint: Path, speller: Speller, tones: ExampleSource, tmp_path: Path
) -> None:
    batch = collate([tones.example(index) for index in (0, 1, 3, 7)], speller, LogMel(), least_s=2.0)
    found = {}
    for converts in (False, True):
        model = WhisperForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
        if single:
            for weight in model.parameters():  # more than half precision holds
                weight.data *= 1 + 2**-20
        before = {name: value.clone() for name, value in model.state_dict().items()}
        adapt(model, 4, 8, TARGETS, seed=2)
        originals = convert_frozen(model, DTYPES[precision]) if converts else {}
        run = Run.start(tmp_path / str(converts), model, speller, replace(PLAN, precision=precision))
        with _Converted(model) as converted:
            losses = [float(step(run, [batch]).total) for _ in range(3)]
        run.close()
        found[converts] = losses, merged(model, originals), converted.found
    assert found[True][2] == set()
    assert any(name.endswith("q_proj.base_layer.weight") for name in found[False][2]), "the check works"
    assert found[True][0] == found[False][0], "the results are identical"
    for name, value in found[False][1].items():
        assert torch.equal(found[True][1][name], value), name
        if not name.endswith(("_proj.weight", "fc1.weight", "fc2.weight")):
            assert torch.equal(found[True][1][name], before[name]), name


def test_frozen_weights_take_half_of_the_memory(checkpoint: Path) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    adapt(model, 4, 8, TARGETS, seed=2)
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    before = sum(model.get_parameter(name).nbytes for name in frozen)
    originals = convert_frozen(model, torch.bfloat16)
    assert sum(model.get_parameter(name).nbytes for name in frozen) < 0.7 * before
    assert {value.dtype for value in originals.values()} == {torch.float16}


def test_frozen_adapters_leave_nothing_in_the_saved_weights(checkpoint: Path) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    adapt(model, 4, 8, TARGETS, seed=2)
    model.get_encoder().requires_grad_(False)
    found = merged(model, convert_frozen(model, torch.bfloat16))
    assert found.keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in found.items()), "the model was not trained"


def test_a_frozen_encoder_gets_no_adapters(checkpoint: Path) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    adapt(model, 4, 8, TARGETS, seed=2, decoder_alone=True)
    adapters = [name for name, _ in model.named_parameters() if ".lora_" in name]
    layers = model.config.decoder_layers
    assert len(adapters) == layers * 2 * (2 * 4 + 2), "two matrices for each of two attentions, fc1 and fc2"
    assert all(name.startswith("model.decoder.") for name in adapters)


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
