"""The alarm identifies each known fault in a model that is really trained with it."""

from __future__ import annotations

import pytest
import torch

from benchmarks.training.planted import STEPS, Labels, Planted, faults, masked_end, planted_causes, tone_speller

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]

NAMES = (
    "none",
    "double start token",
    "unset language: tokenizer",
    "unset language: config",
    "wrong tokenizer language",
    "masked end of text",
)


@pytest.fixture(scope="module")
def planted() -> dict[str, Planted]:
    steps: list[None] = []
    found = {fault.name: fault for fault in planted_causes(lambda: steps.append(None))}
    assert len(steps) == STEPS
    return found


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_fault_is_identified(planted: dict[str, Planted], name: str) -> None:
    assert planted[name].caught, planted[name].alarm.sentence


@pytest.mark.long
def test_without_a_fault_there_is_no_alarm(planted: dict[str, Planted]) -> None:
    assert planted["none"].alarm.signs == ()
    assert planted["none"].wer_percent < 30


@pytest.mark.long
def test_masked_end_token_causes_endless_text_at_a_low_loss(planted: dict[str, Planted]) -> None:
    signs = planted["masked end of text"].alarm.signs
    assert planted["masked end of text"].wer_percent > 100
    assert any("although the loss is only" in sign for sign in signs)
    assert any("end at the token cap" in sign for sign in signs)


def test_the_faults_are_those_of_the_recipes() -> None:
    speller = tone_speller()
    start, sv, transcribe, plain = speller.prefix("sv")
    en, end = speller.language("en"), speller.end
    right = Labels(torch.tensor([[start, sv, transcribe, plain, 7]]), torch.tensor([[sv, transcribe, plain, 7, end]]))
    made = {name: fault(right) for name, _, fault in faults(speller)}
    made["masked"] = masked_end(speller)(right)
    rows = {name: (labels.tokens[0].tolist(), labels.wanted[0].tolist()) for name, labels in made.items()}
    assert rows == {
        "none": ([start, sv, transcribe, plain, 7], [sv, transcribe, plain, 7, end]),
        "double start token": ([start, start, sv, transcribe, plain, 7], [start, sv, transcribe, plain, 7, end]),
        "unset language: tokenizer": ([start, plain, 7], [plain, 7, end]),
        "unset language: config": ([start, sv, transcribe, plain, 7], [-100, -100, -100, 7, end]),
        "wrong tokenizer language": ([start, en, transcribe, plain, 7], [en, transcribe, plain, 7, end]),
        "masked": ([start, sv, transcribe, plain, 7], [sv, transcribe, plain, 7, -100]),
    }
