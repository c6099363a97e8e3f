from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from trainer.examples import ExampleSource
from trainer.models.features import LogMel
from trainer.models.tokenizer import Speller
from trainer.models.whisper import ALIGNED_HEAD, ALIGNED_LAYER, Size, new_model, short_context
from trainer.training.acft import Teacher
from trainer.training.batches import Batch, collate
from trainer.training.losses import Heads, Targets, Weights, _AlignedHead, alignment_loss, compute_losses


@pytest.fixture
def batch(speller: Speller, tones: ExampleSource) -> Batch:
    return collate([tones.example(i) for i in (0, 1, 3, 7)], speller, LogMel())


def test_one_batch_can_be_overfitted(speller: Speller, tiny: Size, batch: Batch) -> None:
    model, heads = new_model(tiny, speller, 1), Heads(tiny.d_model, speller.end)
    optimizer = torch.optim.AdamW([*model.parameters(), *heads.parameters()], 4e-3)
    for _ in range(150):
        found = compute_losses(model, heads, batch, Weights())
        optimizer.zero_grad()
        found.total.backward()
        torch.nn.utils.clip_grad_norm_([*model.parameters(), *heads.parameters()], 1.0)
        optimizer.step()
    assert found.cross_entropy < 0.1
    assert found.alignment < 0.5
    assert found.letters < 1.0


class _Waits(TorchDispatchMode):
    """Records operators that synchronise with a GPU: those that return a number to Python."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no type for it
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in {"_local_scalar_dense", "nonzero", "equal"}:
            self.found.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("weights", [Weights(0.0, 0.0, 0.0), Weights(0.3, 0.0, 0.0), Weights(0.0, 0.0, 0.0, 0.5)])
def test_a_step_does_not_synchronise_with_the_gpu(weights: Weights, speller: Speller, tiny: Size, batch: Batch) -> None:
    """So that the CPU can queue a whole step and prepare the next one."""
    model, heads = new_model(tiny, speller, 1), Heads(tiny.d_model, speller.end)
    targets, teacher = Targets.of(batch), Teacher.of(model, 2.0)
    with _Waits() as waits:
        compute_losses(model, heads, batch, weights, targets, 0.1, teacher).total.backward()
    assert waits.found == []


def test_the_aligned_head_is_recomputed_as_transformers_computes_it(speller: Speller, tiny: Size, batch: Batch) -> None:
    model = new_model(tiny, speller, 1).eval()
    model.set_attn_implementation("eager")
    head = _AlignedHead(model, ALIGNED_LAYER, ALIGNED_HEAD)
    with torch.no_grad(), short_context(model, batch.positions), head:
        states = model.get_encoder()(batch.features).last_hidden_state
        theirs = model.get_decoder()(
            input_ids=batch.tokens, encoder_hidden_states=states, output_attentions=True
        ).cross_attentions[ALIGNED_LAYER][:, ALIGNED_HEAD]
        torch.testing.assert_close(head.probabilities(states), theirs)


def test_alignment_loss_is_low_inside_the_word_and_high_outside() -> None:
    attention = torch.full((1, 2, 40), 1e-6)
    attention[0, 0, 12], attention[0, 1, 12] = 1.0, 1.0
    near, far = torch.tensor([[[10, 15], [-1, -1]]]), torch.tensor([[[30, 35], [-1, -1]]])
    assert alignment_loss(attention, near).item() == pytest.approx(0.0, abs=1e-3)
    assert alignment_loss(attention, far).item() > -math.log(1e-4)


def test_a_loss_of_weight_0_is_not_computed(speller: Speller, tiny: Size, batch: Batch) -> None:
    model, heads = new_model(tiny, speller, 1), Heads(tiny.d_model, speller.end)
    found = compute_losses(model, heads, batch, Weights(ctc=0.0, letters=0.0, alignment=0.0))
    assert (found.ctc, found.letters) == (0.0, 0.0)
    assert found.total == found.cross_entropy


def test_a_batch_without_words_has_a_loss_to_learn_from(speller: Speller, tiny: Size, tones: ExampleSource) -> None:
    silence = collate([tones.example(7), tones.example(15)], speller, LogMel())
    model = new_model(tiny, speller, 1)
    found = compute_losses(model, Heads(tiny.d_model, speller.end), silence, Weights())
    found.total.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert any(gradient.any() for gradient in gradients)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_short_context_limits_the_encoder_positions(speller: Speller, tiny: Size) -> None:
    model = new_model(tiny, speller, 1)
    with short_context(model, 30):
        assert model.get_encoder()(torch.zeros(1, 80, 60)).last_hidden_state.shape == (1, 30, tiny.d_model)
    assert model.config.max_source_positions == tiny.context_s * 50
    with pytest.raises(ValueError, match="101 positions"), short_context(model, 101):
        pass
