"""Fixtures: a corpus and a model of a language of three tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from tests.unit.trainer.tones import TINY, Tones, speller_of_tones
from trainer.corpus.clips import Writer
from trainer.models.checkpoints import generation_config, save
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model


@pytest.fixture(scope="session")
def tones() -> Tones:
    return Tones()


@pytest.fixture(scope="session")
def corpus(tones: Tones, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of 80 clips, 16 of them in dev, plus one that is longer than a context of 2 s."""
    folder = tmp_path_factory.mktemp("corpora") / "tones"
    with Writer(folder) as writer:
        for index in range(80):
            example = tones.example(index)
            audio = (example.audio * 32767).astype(np.int16)
            split = "dev" if index >= 64 else "train"
            writer.add(audio, id=f"clip-{index}", text=example.text, language=example.language, split=split)
        long = np.zeros(3 * 16_000, np.int16)
        writer.add(long, id="too-long", text="låg", language="sv", split="train")
        writer.finish({"sources": []})
    return folder


@pytest.fixture(scope="session")
def speller() -> Speller:
    return speller_of_tones()


@pytest.fixture(scope="session")
def tiny() -> Size:
    return TINY


@pytest.fixture(scope="session")
def checkpoint(speller: Speller, tiny: Size, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper checkpoint with random weights and a vocabulary of tones."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model = new_model(tiny, speller, 1)
    generation = generation_config(model, speller, ["en", "sv"])
    save(folder, model, speller, WhisperFeatureExtractor(chunk_length=2), generation)
    return folder


@pytest.fixture(autouse=True, scope="module")
def _one_thread(one_thread: None) -> None:
    """Applies to every module."""
