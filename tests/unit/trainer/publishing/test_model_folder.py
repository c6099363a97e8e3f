from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from trainer.evaluation.decoding import decode
from trainer.evaluation.recogniser import Recogniser
from trainer.evaluation.utterances import of_examples
from trainer.examples import SAMPLE_RATE, Example, ExampleSource
from trainer.models.features import LogMel
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
from trainer.publishing.model_folder import Record, WerRow, publish
from trainer.training.batches import collate
from trainer.training.losses import Heads, Weights, compute_losses

#: The model is taught first, which takes a while on a busy machine.
pytestmark = pytest.mark.timeout(600)

ROW = WerRow("sv", "sentences", 20.0, 100, 4.0, 2, 1, 1)
RECORD = Record(("en", "sv"), 0.5, (ROW,), {"command": "none", "seed": 1})
CONTEXT_S = 2


@pytest.fixture(scope="module")
def by_heart(tones: ExampleSource) -> list[Example]:
    """Examples as long as the context: two of speech, one of silence."""
    examples = []
    for index in (4, 9, 7):
        short = tones.example(index)
        audio = np.zeros(CONTEXT_S * SAMPLE_RATE, np.float32)
        audio[: len(short.audio)] = short.audio
        examples.append(Example(audio, short.language, short.words, short.speech))
    return examples


@pytest.fixture(scope="module")
def learnt(speller: Speller, tiny: Size, by_heart: list[Example]) -> WhisperForConditionalGeneration:
    """A model overfitted to them, so that its output is not random."""
    model, heads = new_model(tiny, speller, 1), Heads(tiny.d_model, speller.end)
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    batch = collate(by_heart, speller, LogMel())
    for _ in range(220):
        optimizer.zero_grad()
        compute_losses(model, heads, batch, Weights()).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


@pytest.fixture
def folder(learnt: WhisperForConditionalGeneration, speller: Speller, tmp_path: Path) -> Path:
    publish(learnt, speller, RECORD, "# A card\n", tmp_path / "model")
    return tmp_path / "model"


def test_the_published_model_gives_the_same_output_in_transformers(
    folder: Path, learnt: WhisperForConditionalGeneration, speller: Speller, by_heart: list[Example]
) -> None:
    written = decode(Recogniser.of(learnt, speller), of_examples(by_heart))
    assert [one.text for one in written] == [example.text for example in by_heart]
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    processor = WhisperProcessor.from_pretrained(folder)
    assert model.dtype == torch.float32
    for example in by_heart:
        features = processor(example.audio, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        assert features.shape[-1] == 100 * CONTEXT_S
        written = model.generate(features, language=example.language, task="transcribe")
        assert processor.batch_decode(written, skip_special_tokens=True)[0].strip() == example.text


def test_it_detects_the_language(folder: Path, speller: Speller, by_heart: list[Example]) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    features = collate(by_heart[:2], speller, LogMel()).features
    expected = [speller.language(example.language) for example in by_heart[:2]]
    assert model.detect_language(features).flatten().tolist() == expected


def test_its_word_times_come_from_the_head_that_was_taught(folder: Path, by_heart: list[Example]) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    processor = WhisperProcessor.from_pretrained(folder)
    assert model.generation_config.alignment_heads == [[1, 0]]
    features = processor(by_heart[0].audio, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
    written = model.generate(features, language="en", task="transcribe", return_token_timestamps=True)
    times_s = written["token_timestamps"][0].tolist()
    assert times_s == sorted(times_s)
    assert max(times_s) <= CONTEXT_S


def test_the_record_says_what_a_transcriber_must_know(folder: Path) -> None:
    record = json.loads((folder / "undertext.json").read_text(encoding="utf-8"))
    assert record["format"] == 1
    assert record["languages"] == ["en", "sv"]
    assert (record["min_context_s"], record["context_s"]) == (0.5, 2.0)
    assert record["wer"][0]["wer_percent"] == 4.0
    assert (folder / "README.md").read_text() == "# A card\n"


def test_everyone_may_read_it(folder: Path) -> None:
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o644"}


def test_publishing_again_replaces_the_folder_whole(
    folder: Path, learnt: WhisperForConditionalGeneration, speller: Speller
) -> None:
    (folder / "left-over.txt").write_text("old")
    publish(learnt, speller, RECORD, "# Another\n", folder)
    assert not (folder / "left-over.txt").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
