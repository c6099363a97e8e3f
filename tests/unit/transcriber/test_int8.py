"""int8 quantization: close to float32, and independent of other rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.places import ROOT
from tests.unit.transcriber.noises import noise
from transcriber.engine import Utterance
from transcriber.whisper import int8
from transcriber.whisper.int8 import Int8Linear, quantize
from transcriber.whisper.model import load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine
from wire.errors import ModelError


@pytest.mark.parametrize(
    ("features", "rows", "bias"), [(64, 64, True), (96, 384, True), (384, 96, False), (64, 770, True)]
)
def test_products_are_close_to_those_of_float32(features: int, rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    linear, inputs = torch.nn.Linear(features, rows, bias), 3 * torch.randn(2, 5, features)
    expected, found = linear(inputs), Int8Linear(linear)(inputs)
    assert found.shape == expected.shape
    assert (found - expected).norm() < 0.02 * expected.norm()


def test_sums_do_not_saturate_on_cpus_without_vnni() -> None:
    """They add two products in 16 bits; weights and inputs of one sign make the largest sums."""
    program = (
        "import torch; from transcriber.whisper.int8 import Int8Linear; torch.manual_seed(0)\n"
        "linear, inputs = torch.nn.Linear(256, 64), torch.rand(3, 256)\n"
        "linear.weight.data.abs_()\n"
        "found = Int8Linear(linear)(inputs)\n"
        "assert (found - linear(inputs)).norm() < 0.02 * found.norm(), 'they saturate'\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ONEDNN_MAX_CPU_ISA": "AVX2"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_empty_input_gives_empty_output() -> None:
    assert Int8Linear(torch.nn.Linear(8, 4))(torch.zeros(0, 8)).shape == (0, 4)


def test_position_does_not_depend_on_others() -> None:
    torch.manual_seed(0)
    linear, inputs = Int8Linear(torch.nn.Linear(64, 64)), torch.randn(4, 64)
    loud = torch.cat([inputs, 1000 * torch.randn(4, 64)])
    assert torch.equal(linear(loud)[:4], linear(inputs))


def test_zero_inputs_and_zero_weights_are_handled() -> None:
    plain = torch.nn.Linear(8, 4)
    torch.nn.init.zeros_(plain.weight)
    assert torch.equal(Int8Linear(plain)(torch.randn(2, 8)), plain.bias.expand(2, 4))
    assert torch.allclose(Int8Linear(torch.nn.Linear(8, 4, bias=False))(torch.zeros(2, 8)), torch.zeros(2, 4))


def test_int8_engine_gives_the_same_text_alone_and_in_a_batch(tiny_checkpoint: Path) -> None:
    model = load(str(tiny_checkpoint), device="cpu", dtype="int8")
    assert sum(isinstance(each, Int8Linear) for each in model.whisper.modules()) > 10
    assert not any(isinstance(each, torch.nn.Linear) for each in model.whisper.modules())
    engine = TransformersEngine(model, second_try=SecondTry(beams=1))
    utterances = [Utterance(noise(seconds, seed=round(seconds)), "sv") for seconds in (1.0, 2.0)]
    together = engine.transcribe(utterances)
    for utterance, heard in zip(utterances, together, strict=True):
        (alone,) = engine.transcribe([utterance])
        assert [word.text for word in alone.likeliest.words] == [word.text for word in heard.likeliest.words]


def test_beam_search_works_in_int8(tiny_checkpoint: Path) -> None:
    """It uses transformers' implementation; with random weights, every text is in doubt."""
    model = load(str(tiny_checkpoint), device="cpu", dtype="int8")
    (heard,) = TransformersEngine(model, second_try=SecondTry(beams=2)).transcribe([Utterance(noise(0.3), "sv")])
    assert heard.likeliest.tokens


def test_int8_is_refused_on_other_devices(tiny_checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="DTYPE=int8 runs only on a CPU, not on meta"):
        load(str(tiny_checkpoint), device="meta", dtype="int8")


def test_missing_int8_products_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> None:
        raise AttributeError("'_OpNamespace' 'onednn' object has no attribute 'qlinear_prepack'")

    monkeypatch.setattr(int8, "Int8Linear", lacking)
    with pytest.raises(ModelError, match="set DTYPE=float32"):
        quantize(torch.nn.Sequential(torch.nn.Linear(2, 2)))
