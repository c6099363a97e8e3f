"""The commands with a narrow large-v3 that a CPU can train: 128 mel bins, 51,866 ids, one more language.

The tokenizer of `tests.whispers` spells other words than OpenAI's; its special tokens have the ids of large-v3's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from tests.unit.trainer.metrics import metrics_of
from tests.whispers import like_openai
from trainer.__main__ import main
from trainer.corpus.clips import Corpus
from trainer.examples import SAMPLE_RATE
from trainer.models.checkpoints import load

#: Training at the full context of 30 s, as a checkpoint of Whisper's own is trained.
pytestmark = pytest.mark.timeout(300)

MELS, IDS = 128, 51866
#: Half of the clips once: a few steps.
STEPS = ("--epochs", "0.5", "--batch", "8", "--log-every", "1", "--learning-rate", "0.004", "--warm-up", "0")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return like_openai(tmp_path_factory.mktemp("models") / "large-v3", large=True)


@pytest.fixture(scope="module")
def run(corpus: Path, large: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "large-v3"
    words = ["train", str(corpus), "--model", str(large), "--run", str(folder), *STEPS, "--device", "cpu"]
    assert main([*words, "--measure-every", "4", "--dev-clips", "2", "--language", "sv"]) == 0
    return folder


def _metrics(run: Path, name: str) -> list[float]:
    return [row[name] for row in metrics_of(run) if name in row]


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    """All but the last layer's, which are those of the embedding, and are on disk once or twice."""
    weights = load_file(folder / "model.safetensors")
    return {name: value for name, value in weights.items() if name != "proj_out.weight"}


def _is_large(folder: Path) -> WhisperForConditionalGeneration:
    """What must come out of every step as it went in."""
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    processor = WhisperProcessor.from_pretrained(folder)
    assert (model.config.num_mel_bins, model.config.vocab_size, model.config.max_source_positions) == (MELS, IDS, 1500)
    assert processor.feature_extractor.feature_size == MELS
    assert processor.tokenizer.convert_tokens_to_ids(["<|yue|>", "<|transcribe|>", "<|notimestamps|>"]) == [
        *(50358, 50360, 50364)
    ]
    assert model.generation_config.lang_to_id["<|yue|>"] == 50358
    return model


def test_it_trains_and_saves(run: Path, large: Path) -> None:
    losses = _metrics(run, "loss")
    assert len(losses) >= 4
    assert losses[-1] < losses[0]
    model = _is_large(run / "best")
    assert (model.generation_config.language, model.generation_config.task) == ("sv", "transcribe")
    before, after = (_weights(folder) for folder in (large, run / "best"))
    assert before.keys() == after.keys()
    assert not torch.equal(before["model.encoder.conv1.weight"], after["model.encoder.conv1.weight"])


def test_it_is_reloaded_and_goes_on_to_learn(run: Path, corpus: Path, tmp_path: Path) -> None:
    assert load(str(run / "best")).speller.prefix("sv") == [50258, 50273, 50360, 50364]
    words = ["train", str(corpus), "--model", str(run / "best"), "--run", str(tmp_path / "on"), *STEPS]
    assert main([*words, "--measure-every", "0", "--device", "cpu"]) == 0
    assert _metrics(tmp_path / "on", "loss")[-1] < _metrics(run, "loss")[0]
    _is_large(tmp_path / "on" / "best")


def _evaluated(model: Path, corpus: Path, out: Path) -> dict[str, Any]:
    words = ["evaluate", str(model), str(corpus), "--split", "dev", "--limit", "4", "--language", "sv"]
    main([*words, "--context", "full", "--device", "cpu", "--processes", "1", "--out", str(out)])
    document: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return document


def test_it_is_evaluated_as_transformers_writes(run: Path, corpus: Path, tmp_path: Path) -> None:
    document = _evaluated(run / "best", corpus, tmp_path / "found.json")
    assert document["conditions"][0]["context_s"] == 30.0
    model, processor = _is_large(run / "best"), WhisperProcessor.from_pretrained(run / "best")
    clips = {clip.id: clip for clip in Corpus(corpus).clips}
    row = min(document["rows"], key=lambda row: row["tokens"])
    audio = Corpus(corpus).audio(clips[row["id"]])
    features = processor(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
    assert features.shape[1:] == (MELS, 3000)
    written = model.generate(features, language="sv", task="transcribe", max_new_tokens=max(1, row["tokens"]))
    assert processor.batch_decode(written, skip_special_tokens=True)[0].strip() == row["written"]


def test_adapters_are_merged_when_it_is_published(
    corpus: Path, large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapted, out = tmp_path / "adapted", tmp_path / "published"
    words = ["train", str(corpus), "--model", str(large), "--run", str(adapted), *STEPS, "--lora", "2"]
    assert main([*words, "--measure-every", "0", "--device", "cpu", "--language", "sv"]) == 0
    assert main(["publish", str(adapted), str(out)]) == 0
    assert "not evaluated yet" in capsys.readouterr().out
    _is_large(out)
    before, after = (_weights(folder) for folder in (large, out))
    assert before.keys() == after.keys()
    changed = {name for name, value in before.items() if not torch.equal(value.half(), after[name])}
    assert any(name.endswith("encoder_attn.q_proj.weight") for name in changed)
    assert all(name.endswith(("_proj.weight", "fc1.weight", "fc2.weight")) for name in changed)
    record = json.loads((out / "undertext.json").read_text())
    assert (record["context_s"], record["min_context_s"], record["languages"]) == (30.0, 30.0, ["sv"])
