"""Any Whisper's own ids: with the wrong ones, training and evaluation are of another model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests import whispers
from trainer.evaluation.recogniser import Recogniser, RecogniserError, load
from transcriber.model import _dtype


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whispers.like_openai(tmp_path_factory.mktemp("multilingual"))


def changed(folder: Path, file: str, **values: object) -> Recogniser:
    path = folder / file
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), **values}))
    return load(str(folder), "cpu")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_measured_computes_as_what_is_on_air(
    device: str, multilingual: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    place = torch.device(device)
    monkeypatch.setattr("trainer.evaluation.recogniser.device_of", lambda name: place)
    monkeypatch.setattr(torch.nn.Module, "to", lambda model, *_: model)  # there may be no such device
    assert load(str(multilingual), device).model.dtype == _dtype("auto", place)


def test_language_and_task_are_forced(multilingual: Path) -> None:
    recogniser = load(str(multilingual), "cpu")
    ids = recogniser.tokenizer.convert_tokens_to_ids
    expected = ["<|startoftranscript|>", "<|sv|>", "<|transcribe|>", "<|notimestamps|>"]
    assert recogniser.prefix("sv") == ids(expected)


def test_large_v3_has_its_own_ids_and_mels(multilingual: Path, tmp_path: Path) -> None:
    large = load(str(whispers.like_openai(tmp_path, large=True)), "cpu")
    assert large.model.config.num_mel_bins == 128
    assert large.transcribe == (load(str(multilingual), "cpu").transcribe or 0) + 1
    assert "yue" in large.languages


def test_a_model_of_english_has_no_language_and_no_other(tmp_path: Path) -> None:
    recogniser = load(str(whispers.like_openai(tmp_path, english=True)), "cpu")
    assert recogniser.prefix("en") == [recogniser.start, recogniser.no_timestamps]
    with pytest.raises(RecogniserError, match="English only"):
        recogniser.prefix("sv")


def test_a_language_that_it_lacks_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError, match=r"'de'.*en, sv.*--language"):
        load(str(whispers.tiny(tmp_path)), "cpu").prefix("de")


def test_what_lies_beside_the_weights_is_read(tmp_path: Path) -> None:
    folder = whispers.like_openai(tmp_path)
    assert (load(str(folder), "cpu").declared_s, load(str(folder), "cpu").told) == (None, None)
    changed(folder, "undertext.json", context_s=5.0)
    changed(folder, "normalizer.json", colour="color")
    found = changed(folder, "generation_config.json", language="swedish")
    assert (found.declared_s, found.spelling, found.told) == (5.0, {"colour": "color"}, "sv")


def test_what_is_no_whisper_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError, match="no whole Whisper checkpoint"):
        load(str(tmp_path), "cpu")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(RecogniserError, match="a bert model"):
        load(str(tmp_path), "cpu")
