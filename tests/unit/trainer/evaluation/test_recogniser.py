"""The special ids of any Whisper checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests import whispers
from trainer.evaluation.recogniser import Recogniser, RecogniserError, load
from transcriber.whisper.model import _dtype


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whispers.like_openai(tmp_path_factory.mktemp("multilingual"))


def changed(folder: Path, file: str, **values: object) -> Recogniser:
    path = folder / file
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), **values}))
    return load(str(folder), "cpu")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_evaluation_uses_the_precision_of_transcribers(
    device: str, multilingual: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    place = torch.device(device)
    monkeypatch.setattr("trainer.evaluation.recogniser.device_of", lambda name: place)
    monkeypatch.setattr(torch.nn.Module, "to", lambda model, *_: model)  # the machine may lack the device
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


def test_an_english_only_model_refuses_other_languages(tmp_path: Path) -> None:
    recogniser = load(str(whispers.like_openai(tmp_path, english=True)), "cpu")
    assert recogniser.prefix("en") == [recogniser.start, recogniser.no_timestamps]
    with pytest.raises(RecogniserError, match="English only"):
        recogniser.prefix("sv")


def test_a_missing_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError, match=r"'de'.*en, sv.*--language"):
        load(str(whispers.tiny(tmp_path)), "cpu").prefix("de")


def test_files_beside_the_weights_are_read(tmp_path: Path) -> None:
    folder = whispers.like_openai(tmp_path)
    assert (load(str(folder), "cpu").declared_s, load(str(folder), "cpu").set_language) == (None, None)
    changed(folder, "undertext.json", context_s=5.0)
    changed(folder, "normalizer.json", colour="color")
    found = changed(folder, "generation_config.json", language="swedish")
    assert (found.declared_s, found.spelling, found.set_language) == (5.0, {"colour": "color"}, "sv")


def test_a_model_that_is_not_whisper_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError, match="not a complete Whisper checkpoint"):
        load(str(tmp_path), "cpu")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(RecogniserError, match="a bert model"):
        load(str(tmp_path), "cpu")
