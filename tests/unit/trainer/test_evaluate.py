from __future__ import annotations

from collections.abc import Sequence

import pytest

from trainer.evaluate import normalize, score, transcribe
from trainer.examples import Example, ExampleSource
from trainer.model import Size, new_model
from trainer.tokenizer import Speller


def test_the_normaliser_keeps_the_letters_of_swedish() -> None:
    assert normalize("  Vädret på Åland: KALLT, är det?") == "vädret på åland kallt är det"


def test_errors_are_counted_by_their_kind() -> None:
    found = score(["En brand i Umeå.", "Klockan är sex."], ["en brand i i Ume", "klockan sex"])
    assert (found.words, found.substitutions, found.deletions, found.insertions) == (7, 1, 1, 1)
    assert found.wer_percent == pytest.approx(300 / 7)


def test_a_reference_without_words_counts_nothing() -> None:
    assert score(["...", "hej"], ["brus", "hej"]).wer_percent == 0.0


def test_texts_come_in_the_order_of_the_examples(
    speller: Speller, tiny: Size, tones: ExampleSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_model: object, _speller: Speller, examples: Sequence[Example], _log_mel: object) -> list[str]:
        assert len({example.language for example in examples}) == 1
        return [example.text for example in examples]

    monkeypatch.setattr("trainer.evaluate._write", write)
    examples = [tones.example(i) for i in range(11)]
    texts = transcribe(new_model(tiny, speller, 1), speller, examples, batch=4)
    assert texts == [example.text for example in examples]


def test_a_model_that_never_ends_is_ended(speller: Speller, tiny: Size, tones: ExampleSource) -> None:
    model = new_model(tiny, speller, 1).eval()
    assert all(len(text) < 200 for text in transcribe(model, speller, [tones.example(i) for i in range(4)]))
