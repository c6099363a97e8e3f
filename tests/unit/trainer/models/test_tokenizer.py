from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, WhisperTokenizer

from trainer.models.tokenizer import Speller


def test_special_tokens_are_in_the_order_that_transformers_expects(speller: Speller) -> None:
    ids = speller.tokenizer.convert_tokens_to_ids
    names = ["endoftext", "startoftranscript", "en", "sv", "translate", "transcribe", "startoflm", "startofprev"]
    names += ["nospeech", "notimestamps", "0.00", "0.02"]
    assert ids([f"<|{name}|>" for name in names]) == list(range(speller.end, speller.end + len(names)))
    assert ids("<|30.00|>") == speller.no_timestamps + 1501 == len(speller.tokenizer) - 1


def test_it_loads_as_a_whisper_tokenizer_and_spells_any_text(speller: Speller, tmp_path: Path) -> None:
    speller.tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(loaded, WhisperTokenizer)
    text = " Räksmörgås på Öland, 12 € 👍."
    assert loaded.decode(loaded.encode(text, add_special_tokens=False)) == text


def test_words_tokenised_one_by_one_equal_the_whole_text(speller: Speller) -> None:
    text = "låg mellan hög. Hög? låg, låg"
    by_word = [token for word in text.split() for token in speller.word(word)]
    assert by_word == speller.tokenizer.encode(" " + text, add_special_tokens=False)


def test_an_unknown_language_is_named(speller: Speller) -> None:
    with pytest.raises(KeyError, match=r"<\|no\|>"):
        speller.prefix("no")
