"""A language of three tones, to test the trainer in seconds without a synthesizer."""

from __future__ import annotations

import numpy as np

from trainer.examples import SAMPLE_RATE, Example, TimedWord
from trainer.models.tokenizer import Speller, train_tokenizer
from trainer.models.whisper import Size

TONES_HZ = {"låg": 300.0, "mellan": 900.0, "hög.": 2400.0}
WORD_S = 0.2

#: Settings of a model that learns the language.
TINY = Size(d_model=32, heads=2, ffn=64, encoder_layers=1, decoder_layers=2, context_s=2, max_tokens=48)


def speller_of_tones() -> Speller:
    """Return a tokenizer for its three words."""
    return Speller(train_tokenizer([" ".join(TONES_HZ)] * 4, ("en", "sv"), vocab_size=270))


class Tones:
    """An ExampleSource: each word is a tone; one example in eight is silence."""

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
