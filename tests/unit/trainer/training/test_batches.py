from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_gpu import fake_gpu
from trainer.examples import SAMPLE_RATE, Example, ExampleSource, TimedWord
from trainer.models.features import LogMel
from trainer.models.tokenizer import Speller
from trainer.training.batches import (
    ALL_AHEAD,
    BATCHES_PER_BLOCK,
    Position,
    Settings,
    Shape,
    Stream,
    block_batches,
    collate,
    loader,
    mislead,
    rounds,
)
from trainer.training.spelling import IGNORED, SILENCE, letters, spell


def _example(words: tuple[TimedWord, ...], duration_s: float = 1.0, speech: bool = True) -> Example:
    return Example(np.zeros(round(duration_s * SAMPLE_RATE), np.float32), "sv", words, speech)


def test_the_start_token_is_in_the_input_once_and_never_in_a_label(speller: Speller, tones: ExampleSource) -> None:
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
    misled = mislead(batch, speller, torch.Generator().manual_seed(1), 0.2)
    text = batch.tokens < speller.end
    changed = misled.tokens != batch.tokens
    assert not changed[~text].any()
    assert 0.1 < changed[text].float().mean() < 0.3
    assert torch.equal(misled.labels, batch.labels)


def test_batches_hold_every_example_once_and_examples_of_similar_length(tones: ExampleSource) -> None:
    batches = [batch for block in range(2) for batch in block_batches(tones, 1, block, Shape(examples=4))]
    assert sorted(index for batch in batches for index in batch) == list(range(2 * 4 * BATCHES_PER_BLOCK))
    assert {len(batch) for batch in batches} == {4}
    spread_s = [max(map(tones.duration_s, batch)) - min(map(tones.duration_s, batch)) for batch in batches]
    assert max(spread_s) <= 0.25
    assert batches != [batch for block in range(2) for batch in block_batches(tones, 2, block, Shape(examples=4))]


@given(seconds=st.floats(0.4, 20.0), examples=st.integers(1, 40), least_s=st.floats(0.0, 2.0))
def test_padded_audio_of_a_batch_is_limited(
    tones: ExampleSource, seconds: float, examples: int, least_s: float
) -> None:
    shape = Shape(examples, seconds, block=50, least_s=least_s)
    batches = block_batches(tones, 1, 0, shape)
    assert sorted(index for batch in batches for index in batch) == list(range(50))
    for batch in batches:
        padded_s = len(batch) * max(least_s, *map(tones.duration_s, batch))
        assert len(batch) <= examples
        assert padded_s <= seconds or len(batch) == 1


def _batch_size_four(source: ExampleSource, speller: Speller, start: Position, **more: Any) -> Stream:
    return Stream(source, speller, Settings(Shape(examples=4)), 1, 80, start=start, **more)


def test_the_loader_resumes_from_any_position_with_any_number_of_workers(
    speller: Speller, tones: ExampleSource
) -> None:
    whole = loader(_batch_size_four(tones, speller, Position()))
    place = [next(whole).after for _ in range(15)][-1]
    assert place == Position(0, 15)
    expected = [next(whole) for _ in range(3)]
    assert [batch.after for batch in expected] == [Position(1, 0), Position(1, 1), Position(1, 2)]
    for workers in (0, 2):
        again = loader(_batch_size_four(tones, speller, place), workers)
        for batch, found in zip(expected, again, strict=False):
            torch.testing.assert_close(found.features, batch.features, rtol=0, atol=0)
            assert torch.equal(found.tokens, batch.tokens)
            assert found.after == batch.after


def test_a_gpus_batches_are_pinned(speller: Speller, tones: ExampleSource, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_gpu():
        pinned: list[torch.Tensor] = []
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor)
        batch = next(loader(_batch_size_four(tones, speller, Position()), 0, pinned=True))
    assert [*map(id, pinned)] == [id(value) for value in vars(batch).values() if torch.is_tensor(value)]
    assert batch.after == Position(0, 1)


@pytest.mark.parametrize("workers", [1, 4, 16, 200])
def test_the_workers_of_a_large_machine_do_not_fill_its_shared_memory(
    workers: int, speller: Speller, tones: ExampleSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("trainer.training.batches.DataLoader", lambda _, **how: asked.update(how) or ())
    loader(_batch_size_four(tones, speller, Position()), workers)
    assert workers * asked["prefetch_factor"] <= max(ALL_AHEAD, 2 * workers)
    assert asked["prefetch_factor"] >= 2, "one is made while another is used"


def test_ranks_share_the_batches_that_one_process_would_take(speller: Speller, tones: ExampleSource) -> None:
    alone = list(itertools.islice(rounds(tones, 1, Shape(examples=4), Position()), 20))
    together = list(itertools.islice(rounds(tones, 1, Shape(examples=4), Position(), ranks=2), 10))
    assert [batch for found, _ in together for batch in found] == [found[0] for found, _ in alone]
    assert [after for _, after in together] == [after for _, after in alone[1::2]]
    second = next(loader(_batch_size_four(tones, speller, Position(), rank=1, ranks=2)))
    one = loader(_batch_size_four(tones, speller, Position()))
    next(one)
    torch.testing.assert_close(second.features, next(one).features)


def test_a_batch_is_padded_to_the_context_and_to_a_length_drawn_above_it(
    speller: Speller, tones: ExampleSource
) -> None:
    def lengths(shape: Shape) -> set[int]:
        stream = Stream(tones, speller, Settings(shape), 1, 80)
        return {batch.positions for batch in itertools.islice(loader(stream, 0), 12)}

    assert lengths(Shape(4, least_s=2.0, most_s=2.0)) == {100}
    drawn = lengths(Shape(4, jitter_s=1.0, most_s=2.0))
    assert len(drawn) > len(lengths(Shape(4)))
    assert max(drawn) <= 100


def test_letters_share_the_time_of_their_word_and_the_edges_are_unknown() -> None:
    found = letters(_example((TimedWord("Å,", 0.1, 0.18), TimedWord("hej.", 0.24, 0.30)), 0.5), 25)
    first, second = "å".encode()
    spoken = [first, first, second, second, SILENCE, SILENCE, SILENCE, ord("h"), ord("e"), ord("j")]
    assert found.tolist() == [IGNORED] * 5 + spoken + [IGNORED] * 10


def test_without_speech_every_position_is_silent() -> None:
    assert letters(_example((), speech=False), 3).tolist() == [SILENCE] * 3
    assert letters(_example(()), 3).tolist() == [IGNORED] * 3


def test_mislead_replaces_input_tokens_and_no_labels(speller: Speller, tones: ExampleSource) -> None:
    whole = collate([tones.example(i) for i in range(64)], speller, LogMel())
    misled = mislead(whole, speller, torch.Generator().manual_seed(1), 0.2)
    assert misled.labels is whole.labels
    text = whole.tokens < speller.end
    torch.testing.assert_close(misled.tokens[~text], whole.tokens[~text], msg="prefix and padding stay")
    changed = (misled.tokens != whole.tokens)[text].float().mean().item()
    assert 0.12 < changed < 0.28
    assert (misled.tokens[text] < speller.end).all()


def test_a_context_is_cut_to_whole_positions(speller: Speller, tones: ExampleSource) -> None:
    batch = collate([tones.example(0)], speller, LogMel(), least_s=1.75, most_s=1.75)
    assert batch.features.shape[-1] == 2 * batch.positions == 2 * batch.letters.shape[1] == 174
