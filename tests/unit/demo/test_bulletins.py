from __future__ import annotations

import itertools
import random
import re

import pytest

from demo.bulletins import LANGUAGES, MAX_WORDS, Language, bulletin, endless, sentence, split_of, vocabulary


@pytest.mark.parametrize("language", LANGUAGES)
def test_splits_have_no_sentence_in_common(language: Language) -> None:
    trained = set(itertools.islice(endless(language, 1, "train"), 3000))
    held_out = set(itertools.islice(endless(language, 1, "held-out"), 1000))
    assert not trained & held_out
    assert {split_of(text) for text in held_out} == {"held-out"}


def test_split_of_a_text_is_stable() -> None:
    texts = ["Klockan är sex.", "Klockan är sju.", "Klockan är åtta.", "Klockan är nio.", "Klockan är tio."]
    assert [split_of(text) for text in texts] == ["train", "held-out", "train", "train", "train"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_well_formed(language: Language) -> None:
    for text in itertools.islice(endless(language, 2, "train"), 2000):
        assert re.fullmatch(r"[A-ZÅÄÖ][\w ',åäöÅÄÖ]*[.?]", text), text
        assert "  " not in text
        assert 3 <= len(text.split()) <= MAX_WORDS
        assert not re.search(r"\d|[{}]", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_small_vocabulary_gives_many_sentences(language: Language) -> None:
    rng = random.Random(3)
    texts = [sentence(language, rng, "train", "news") for _ in range(4000)]
    assert len(set(texts)) > 3000
    spoken = {word.strip(".,?").lower() for text in texts for word in text.split()}
    assert spoken <= vocabulary(language)
    assert 300 < len(vocabulary(language)) < 450


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_seed_gives_the_same_bulletins(language: Language) -> None:
    first, again = (list(itertools.islice(endless(language, seed), 30)) for seed in (4, 4))
    assert first == again
    assert first != list(itertools.islice(endless(language, 5), 30))


def test_bulletin_has_the_requested_length() -> None:
    assert len(bulletin("sv", random.Random(1), "train", 9)) == 9
