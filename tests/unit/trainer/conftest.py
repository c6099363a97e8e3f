"""A language of three tones, in which the trainer can be tested in seconds without a synthesizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from trainer.corpus.clips import Writer
from trainer.examples import SAMPLE_RATE, Example, TimedWord
from trainer.models.checkpoints import generation_config, save
from trainer.models.tokenizer import Speller, train_tokenizer
from trainer.models.whisper import Size, new_model

TONES_HZ = {"låg": 300.0, "mellan": 900.0, "hög.": 2400.0}
WORD_S = 0.2


class Tones:
    """An ExampleSource: each word is a tone of its own; one example in eight is silence."""

    def duration_s(self, index: int) -> float:
        return 0.5 + 0.25 * (index * 7 % 5)

    def example(self, index: int) -> Example:
        rng = np.random.default_rng(index)
        language = "sv" if index % 2 else "en"
        samples = round(self.duration_s(index) * SAMPLE_RATE)
        audio = (0.001 * rng.standard_normal(samples)).astype(np.float32)
        if index % 8 == 7:
            return Example(audio, language, (), speech=False)
        words = []
        for place in range(int(self.duration_s(index) / 0.25)):
            text = list(TONES_HZ)[int(rng.integers(0, len(TONES_HZ)))]
            start_s = 0.25 * place
            first, count = round(start_s * SAMPLE_RATE), round(WORD_S * SAMPLE_RATE)
            tone = np.sin(2 * np.pi * TONES_HZ[text] * np.arange(count) / SAMPLE_RATE)
            audio[first : first + count] += (0.3 if language == "sv" else 0.2) * tone.astype(np.float32)
            words.append(TimedWord(text, start_s, start_s + WORD_S))
        return Example(audio, language, tuple(words))


@pytest.fixture(scope="session")
def tones() -> Tones:
    return Tones()


@pytest.fixture(scope="session")
def corpus(tones: Tones, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 of them prepared, 16 of these in dev; and one clip that no context of 2 s holds."""
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
    texts = [" ".join(TONES_HZ)] * 4
    return Speller(train_tokenizer(texts, ("en", "sv"), vocab_size=270))


@pytest.fixture(scope="session")
def tiny() -> Size:
    return Size(d_model=32, heads=2, ffn=64, encoder_layers=1, decoder_layers=2, context_s=2, max_tokens=48)


@pytest.fixture(scope="session")
def checkpoint(speller: Speller, tiny: Size, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper with random weights that spells tones."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model = new_model(tiny, speller, 1)
    generation = generation_config(model, speller, ["en", "sv"])
    save(folder, model, speller, WhisperFeatureExtractor(chunk_length=2), generation)
    return folder


@pytest.fixture(autouse=True, scope="module")
def _one_thread(one_thread: None) -> None:
    """Of every module."""
