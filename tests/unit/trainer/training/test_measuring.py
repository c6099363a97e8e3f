"""Dev metrics during training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fake_gpu import fake_gpu
from trainer.corpus.clips import Corpus
from trainer.models.precision import DTYPES, Precision
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
from trainer.training.batches import Batch, collate
from trainer.training.measuring import DevMeasure


@pytest.mark.parametrize("precision", DTYPES)
def test_a_model_is_measured_in_the_precision_that_it_is_trained_in(
    corpus: Path, speller: Speller, tiny: Size, precision: Precision
) -> None:
    found = Corpus(corpus)
    model = new_model(tiny, speller, 1)
    seen: set[torch.dtype] = set()

    def see(_: torch.nn.Module, __: object, states: torch.Tensor) -> None:
        seen.add(states.dtype)

    model.get_encoder().layers[0].fc1.register_forward_hook(see)
    measured = DevMeasure(found, found.split("dev"), speller, 2.0, precision=precision)(model)
    assert seen == {DTYPES[precision]}
    assert set(measured) == {"dev_loss", "dev_wer_percent", "dev_cer_percent"}


def test_a_gpu_makes_the_features_of_what_is_measured(
    corpus: Path, speller: Speller, tiny: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, places = Corpus(corpus), []

    def seen(*words: Any, **more: Any) -> Batch:
        batch = collate(*words, **more)
        places.append(batch.features.device.type)
        return batch

    monkeypatch.setattr("trainer.training.measuring.collate", seen)
    model = new_model(tiny, speller, 1)
    expected = DevMeasure(found, found.split("dev"), speller, 2.0)(model)
    with fake_gpu():
        torch.nn.Module.to(model, "cuda")
        assert DevMeasure(found, found.split("dev"), speller, 2.0)(model) == pytest.approx(expected)
    assert places == ["cpu", "cuda"]
