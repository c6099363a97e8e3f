"""The engine on a simulated GPU (`tests.fake_gpu`): results are the same as on a CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fake_gpu import GPU, fake_gpu
from transcriber.engine import Recognition, Utterance
from transcriber.prompt import NO_PROMPT, Prompt
from transcriber.whisper import greedy
from transcriber.whisper.model import load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine

pytestmark = pytest.mark.usefixtures("one_thread")

#: Every text is decoded again, and every result of a search is used.
ALWAYS = SecondTry(below=0.0, beams=2, above=-99.0)


def _engine(folder: Path, device: str, dtype: str) -> TransformersEngine:
    model = load(str(folder), device=device, dtype=dtype)
    return TransformersEngine(replace(model, trained_with_prompts=True), second_try=ALWAYS)


def _utterances() -> list[Utterance]:
    """With a given language, and with one to detect, which may turn; with prompts of several lengths."""
    rng, found = np.random.default_rng(1), []
    for language, prompt in (("sv", NO_PROMPT), (None, Prompt(("Umeå",))), (None, NO_PROMPT), ("en", Prompt(("Lo",)))):
        spoken = [rng.normal(0, loud, 3_200).astype(np.float32) for loud in (0.1, 0.0001, 0.2)]
        found.append(Utterance(np.concatenate(spoken), language, prompt=prompt))
    return found


def _same(one: Recognition, other: Recognition) -> bool:
    return one.hypotheses == other.hypotheses and one.turns == other.turns


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_gpu_gives_the_same_result_as_cpu(tiny_checkpoint: Path, dtype: str) -> None:
    expected = _engine(tiny_checkpoint, "cpu", dtype).transcribe(_utterances())
    assert any(len(one.hypotheses) > 1 for one in expected), "no language is in doubt, so no utterance is decoded twice"
    with fake_gpu():
        engine = _engine(tiny_checkpoint, "cuda", dtype)
        assert engine._model.whisper.device == GPU
        found = engine.transcribe(_utterances())
    assert [_same(*pair) for pair in zip(found, expected, strict=True)] == [True] * len(expected)


def test_model_is_offloaded_and_restored(tiny_checkpoint: Path) -> None:
    [utterance, *_] = _utterances()
    with fake_gpu():
        engine = _engine(tiny_checkpoint, "cuda:0", "auto")
        before = engine.transcribe([utterance])
        engine.offload()
        assert engine._model.whisper.device == torch.device("cpu")
        engine.restore()
        assert _same(engine.transcribe([utterance])[0], before[0])


def test_tokens_on_the_wrong_device_are_noticed(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the tests above can fail."""
    padded = greedy._padded
    monkeypatch.setattr(greedy, "_padded", lambda rows, padding, _: padded(rows, padding, torch.device("cpu")))
    with fake_gpu(), pytest.raises(RuntimeError, match="all tensors to be on the same device"):
        _engine(tiny_checkpoint, "cuda", "float32").transcribe(_utterances())
