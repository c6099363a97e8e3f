"""Memory estimated on tensors without contents equals that of real training."""

from __future__ import annotations

import gc

import pytest
import torch

from benchmarks.training import sizes
from trainer.models.whisper import SIZES, Size
from trainer.training.memory import MemoryCounter, peak_bytes

TOY = Size(d_model=32, heads=2, ffn=64, encoder_layers=2, decoder_layers=1, mels=80, context_s=8, max_tokens=64)


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "toy", TOY)
    monkeypatch.setattr(sizes, "CLIP_S", TOY.context_s)
    monkeypatch.setattr(sizes, "CLIP_TOKENS", 30)


def test_peak_memory_is_counted() -> None:
    before = torch.zeros(1000)
    with MemoryCounter([before]) as held:
        assert held.now == 4000
        first = before + 1
        view = first[:10]
        assert held.now == 8000
        del first
        assert held.now == 8000, "a view keeps the whole tensor"
        del view
        gc.collect()
        assert (held.now, held.peak) == (4000, 8000)


@pytest.mark.parametrize("way", sizes.WAYS, ids=lambda way: way.name)
def test_step_without_contents_needs_the_same_memory_as_a_real_one(way: sizes.Way) -> None:
    with sizes.started_run("toy", way, torch.device("cpu")) as run:
        real = peak_bytes(run, [sizes.batch(run.model, 2)], sizes.targets(2))
    assert sizes.peak("toy", way, 2) == pytest.approx(real, rel=0.01)


@pytest.mark.long
def test_adapters_and_recomputation_need_less_memory() -> None:
    found = {way.name: sizes.estimate("toy", way) for way in sizes.WAYS}
    assert found["all --recompute"].per_clip < found["all"].per_clip
    assert found["--lora 32 --recompute"].per_clip < found["--lora 32"].per_clip
    # For each matrix product, training computes three: forward, and the gradients of its input and its weight.
    assert found["--lora 32"].flops < found["all"].flops == found["all --recompute"].flops


def test_clips_fit_into_the_remaining_memory() -> None:
    taken = sizes.Taken(fixed=10.0, per_clip=4.0, flops=1.0)
    assert [taken.clips(memory) for memory in (30, 29, 14, 13, 5)] == [5, 4, 1, 0, 0]
