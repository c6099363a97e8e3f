from __future__ import annotations

import itertools

import numpy as np
import torch

from trainer.batches import BATCHES_PER_BLOCK, IGNORED, SILENCE, batch_indices, collate, letters, loader, mislead, spell
from trainer.examples import SAMPLE_RATE, Example, ExampleSource, TimedWord
from trainer.features import LogMel
from trainer.tokenizer import Speller


def _example(words: tuple[TimedWord, ...], duration_s: float = 1.0, speech: bool = True) -> Example:
    return Example(np.zeros(round(duration_s * SAMPLE_RATE), np.float32), "sv", words, speech)


def test_the_start_token_stands_in_the_input_once_and_never_in_a_label(speller: Speller, tones: ExampleSource) -> None:
    batch = collate([tones.example(i) for i in range(8)], speller, LogMel())
    assert (batch.tokens == speller.start).sum(1).tolist() == [1] * 8
    assert batch.tokens[:, 0].tolist() == [speller.start] * 8
    assert not (batch.labels == speller.start).any()


def test_labels_are_the_input_one_position_later_up_to_the_end_token(speller: Speller) -> None:
    tokens, labels, _, _ = spell(_example((TimedWord("låg", 0.1, 0.3),)), speller)
    assert labels == [*tokens[1:], speller.end]
    assert tokens[:4] == speller.prefix("sv")


def test_padding_has_no_label_although_it_is_the_end_token(speller: Speller) -> None:
    long = _example(tuple(TimedWord("mellan", i / 4, i / 4 + 0.2) for i in range(4)))
    batch = collate([long, _example((TimedWord("låg", 0.0, 0.2),))], speller, LogMel())
    labels = batch.labels[1].tolist()
    length = 3 + len(speller.word("låg")) + 1
    assert labels[length - 1] == speller.end
    assert set(labels[length:]) == {IGNORED}
    assert (batch.labels == speller.end).sum(1).tolist() == [1, 1]


def test_the_language_is_learnt_and_no_speech_takes_its_place(speller: Speller) -> None:
    assert spell(_example(()), speller)[1][0] == speller.language("sv")
    tokens, labels, _, text = spell(_example((), speech=False), speller)
    assert labels[0] == speller.no_speech
    assert tokens == speller.prefix("sv")
    assert text == []


def test_the_tokens_of_a_word_share_its_span_in_order_and_cover_it(speller: Speller) -> None:
    tokens, labels, spans, _ = spell(
        _example((TimedWord("låg", 0.10, 0.30), TimedWord("mellan", 0.305, 0.51))), speller
    )
    assert len(tokens) == len(labels) == len(spans)
    first = len(speller.word("låg"))
    assert spans[:3] == [(-1, -1)] * 3
    assert spans[-1] == (-1, -1)
    for word, (start, end) in ((spans[3 : 3 + first], (5, 15)), (spans[3 + first : -1], (15, 26))):
        assert (word[0][0], word[-1][1]) == (start, end)
        assert all(a[0] <= b[0] <= a[1] for a, b in itertools.pairwise(word))


def test_a_misled_decoder_still_has_the_right_labels(speller: Speller) -> None:
    source = _example(tuple(TimedWord("mellan", n / 4, n / 4 + 0.2) for n in range(12)))
    batch = collate([source] * 8, speller, LogMel(80))
    misled = mislead(batch, speller, torch.Generator().manual_seed(1))
    text = batch.tokens < speller.end
    changed = misled.tokens != batch.tokens
    assert not changed[~text].any()
    assert 0.1 < changed[text].float().mean() < 0.3
    assert torch.equal(misled.labels, batch.labels)


def test_batches_hold_every_example_once_and_examples_of_like_length(tones: ExampleSource) -> None:
    batches = [batch_indices(tones, 1, number, 4) for number in range(2 * BATCHES_PER_BLOCK)]
    assert sorted(index for batch in batches for index in batch) == list(range(2 * 4 * BATCHES_PER_BLOCK))
    spread_s = [max(map(tones.duration_s, batch)) - min(map(tones.duration_s, batch)) for batch in batches]
    assert max(spread_s) <= 0.25
    assert batches != [batch_indices(tones, 2, number, 4) for number in range(2 * BATCHES_PER_BLOCK)]


def test_the_loader_starts_at_any_batch(speller: Speller, tones: ExampleSource) -> None:
    whole = loader(tones, speller, 1, 4, 0, 80)
    for _ in range(3):
        next(whole)
    torch.testing.assert_close(next(whole).features, next(loader(tones, speller, 1, 4, 3, 80)).features)


def test_letters_share_the_time_of_their_word_and_the_edges_are_unknown() -> None:
    found = letters(_example((TimedWord("Å,", 0.1, 0.18), TimedWord("hej.", 0.24, 0.30)), 0.5), 25)
    first, second = "å".encode()
    spoken = [first, first, second, second, SILENCE, SILENCE, SILENCE, ord("h"), ord("e"), ord("j")]
    assert found.tolist() == [IGNORED] * 5 + spoken + [IGNORED] * 10


def test_where_nobody_speaks_every_position_is_silent() -> None:
    assert letters(_example((), speech=False), 3).tolist() == [SILENCE] * 3
    assert letters(_example(()), 3).tolist() == [IGNORED] * 3


def test_some_of_the_text_that_the_decoder_reads_is_wrong_and_no_label_is(
    speller: Speller, tones: ExampleSource
) -> None:
    whole = collate([tones.example(i) for i in range(64)], speller, LogMel())
    misled = mislead(whole, speller, torch.Generator().manual_seed(1))
    assert misled.labels is whole.labels
    text = whole.tokens < speller.end
    torch.testing.assert_close(misled.tokens[~text], whole.tokens[~text], msg="prefix and padding stay")
    changed = (misled.tokens != whole.tokens)[text].float().mean().item()
    assert 0.12 < changed < 0.28
    assert (misled.tokens[text] < speller.end).all()
