"""Audio-context fine-tuning: the teacher's states, and a student that learns to match them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import WhisperForConditionalGeneration

from trainer.examples import ExampleSource
from trainer.models.features import LogMel
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
from trainer.training.acft import Teacher, matching_loss
from trainer.training.batches import Batch, collate
from trainer.training.losses import Heads, Targets, Weights, compute_losses
from trainer.training.spelling import IGNORED

#: That of the tiny model.
FULL_S = 2.0
ALONE = Weights(ctc=0.0, letters=0.0, alignment=0.0, matching=1.0)


@pytest.fixture
def batch(speller: Speller, tones: ExampleSource) -> Batch:
    return collate([tones.example(i) for i in (0, 5, 10, 15)], speller, LogMel())


@pytest.fixture
def full(speller: Speller, tones: ExampleSource) -> Batch:
    return collate([tones.example(i) for i in (0, 5, 10, 15)], speller, LogMel(), least_s=FULL_S)


@pytest.fixture
def model(speller: Speller, tiny: Size) -> WhisperForConditionalGeneration:
    return new_model(tiny, speller, 1, {"dropout": 0.1})


def test_the_teacher_pads_a_short_batch_to_its_full_context(
    model: WhisperForConditionalGeneration, batch: Batch, full: Batch
) -> None:
    teacher = Teacher.of(model, FULL_S)
    assert (batch.positions, full.positions) == (30, 100)
    torch.testing.assert_close(teacher.states(batch), teacher.states(full), rtol=0, atol=0.02)


def test_the_matching_loss_is_0_at_full_context(
    speller: Speller, model: WhisperForConditionalGeneration, batch: Batch, full: Batch
) -> None:
    teacher, heads = Teacher.of(model, FULL_S), Heads(model.config.d_model, speller.end)
    model.eval()
    assert compute_losses(model, heads, full, ALONE, teacher=teacher).matching < 1e-9
    assert compute_losses(model, heads, batch, ALONE, teacher=teacher).matching > 1e-5


def test_the_student_learns_to_match_and_the_teacher_is_unchanged(
    speller: Speller, model: WhisperForConditionalGeneration, batch: Batch
) -> None:
    with torch.no_grad():
        # Silence after speech carries information for a model that was always trained with padding.
        model.get_encoder().conv1.bias += 0.5
    teacher, heads = Teacher.of(model, FULL_S), Heads(model.config.d_model, speller.end)
    before = {name: value.clone() for name, value in teacher.model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    model.eval()
    apart = []
    for _ in range(30):
        optimizer.zero_grad()
        found = compute_losses(model, heads, batch, ALONE, teacher=teacher)
        found.total.backward()
        optimizer.step()
        apart.append(found.matching.item())
    assert apart[-1] < 0.2 * apart[0]
    assert all(torch.equal(value, before[name]) for name, value in teacher.model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())


def test_the_share_is_taken_from_the_cross_entropy(
    speller: Speller, model: WhisperForConditionalGeneration, batch: Batch
) -> None:
    teacher, heads = Teacher.of(model, FULL_S), Heads(model.config.d_model, speller.end)
    model.eval()
    found = compute_losses(model, heads, batch, replace(ALONE, matching=0.25), teacher=teacher)
    torch.testing.assert_close(found.total, 0.75 * found.cross_entropy + 0.25 * found.matching)


def test_positions_without_labels_are_not_matched() -> None:
    student, teacher = torch.zeros(1, 3, 4), torch.ones(1, 3, 4)
    labels = torch.tensor([[5, IGNORED, 7]])
    teacher[0, 2] = 3.0
    assert matching_loss(student, teacher, labels) == 1.0 + 9.0


def test_batches_of_a_step_add_up_to_one_large_one(
    speller: Speller, model: WhisperForConditionalGeneration, batch: Batch
) -> None:
    teacher, heads = Teacher.of(model, FULL_S), Heads(model.config.d_model, speller.end)
    model.eval()
    halves = [
        replace(batch, **{name: value[part] for name, value in vars(batch).items() if torch.is_tensor(value)})
        for part in (slice(0, 1), slice(1, 4))
    ]
    whole = compute_losses(model, heads, batch, ALONE, teacher=teacher)
    parts = [compute_losses(model, heads, half, ALONE, Targets.of(batch), teacher=teacher) for half in halves]
    torch.testing.assert_close(parts[0].matching + parts[1].matching, whole.matching)


def test_a_teacher_in_half_precision_takes_half_the_memory(
    model: WhisperForConditionalGeneration, batch: Batch
) -> None:
    teacher = Teacher.of(model, FULL_S, torch.bfloat16)
    assert {parameter.dtype for parameter in teacher.model.parameters()} == {torch.bfloat16}
    assert torch.isfinite(teacher.states(batch)).all()
    assert next(model.parameters()).dtype == torch.float32
