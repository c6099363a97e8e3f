"""One regression test for each trap of training Whisper that the field knows of.

Some cannot happen in a loop of our own; they are tested all the same, as whoever puts transformers' Trainer in its
place would fall into them again. Accumulation is in test_loop, ids and mel bins of large-v3 are in test_checkpoints.
"""

from __future__ import annotations

import inspect

import pytest
import torch
from torch.nn import functional
from transformers import WhisperForConditionalGeneration

from trainer.batches import Batch, Settings, Shape, Stream, collate, loader
from trainer.checkpoints import generation_config, told
from trainer.examples import ExampleSource
from trainer.features import LogMel
from trainer.losses import Heads, Weights, losses, token_loss
from trainer.model import Size, new_model
from trainer.spelling import IGNORED
from trainer.tokenizer import Speller

NEXT_TOKEN = Weights(ctc=0.0, letters=0.0, alignment=0.0)


@pytest.fixture
def batch(speller: Speller, tones: ExampleSource) -> Batch:
    return collate([tones.example(i) for i in (0, 1, 3, 9)], speller, LogMel(), least_s=2.0)


@pytest.fixture
def model(speller: Speller, tiny: Size) -> WhisperForConditionalGeneration:
    return new_model(tiny, speller, 1).eval()


def test_double_start_token_the_decoder_reads_one_and_is_asked_for_none(batch: Batch, speller: Speller) -> None:
    """The collator must strip decoder_start_token_id, not bos_token_id, from labels that transformers shifts itself."""
    assert speller.start != speller.end, "the start token is not bos, which is the end token"
    assert (batch.tokens == speller.start).sum(1).tolist() == [1] * 4
    assert not (batch.labels == speller.start).any()


def test_our_labels_are_those_that_transformers_would_shift(
    batch: Batch, model: WhisperForConditionalGeneration
) -> None:
    """transformers makes the decoder's input of the labels: the start token, then all labels but the last."""
    theirs = model(input_features=batch.features, labels=batch.labels)
    ours = losses(model, Heads(model.config.d_model, 1), batch, NEXT_TOKEN)
    torch.testing.assert_close(ours.total, theirs.loss)


def test_masked_end_of_text_the_end_is_learnt_although_padding_is_the_same_token(
    batch: Batch, speller: Speller
) -> None:
    """Labels are masked by length: by `== pad`, no end would ever be learnt, and generation would never stop."""
    assert (batch.labels == speller.end).sum(1).tolist() == [1] * 4
    assert (batch.labels == IGNORED).any(), "some are shorter, or the test shows nothing"
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        end = labels.index(speller.end)
        assert set(labels[end + 1 :]) <= {IGNORED}
        assert tokens[1 : end + 1] == labels[:end]


def test_padding_counts_for_nothing(batch: Batch, model: WhisperForConditionalGeneration, speller: Speller) -> None:
    logits = torch.randn(*batch.labels.shape, model.config.vocab_size)
    worse = logits.clone()
    worse[batch.labels == IGNORED] += 5.0 * torch.randn(model.config.vocab_size)
    torch.testing.assert_close(token_loss(worse, batch.labels), token_loss(logits, batch.labels))


def test_label_smoothing_needs_no_labels_in_the_model(batch: Batch, model: WhisperForConditionalGeneration) -> None:
    """Trainer's label smoother takes the labels out of the inputs, and Whisper then has no decoder input at all."""
    smoothed = losses(model, Heads(model.config.d_model, 1), batch, NEXT_TOKEN, label_smoothing=0.1).total
    logits = model(input_features=batch.features, decoder_input_ids=batch.tokens).logits
    asked = batch.labels != IGNORED
    likelihoods = logits[asked].log_softmax(-1)
    right = -likelihoods.gather(1, batch.labels[asked][:, None]).mean()
    torch.testing.assert_close(smoothed, 0.9 * right - 0.1 * likelihoods.mean())
    with pytest.raises(ValueError, match="decoder_input_ids"):
        model(input_features=batch.features)


def test_whisper_still_ignores_num_items_in_batch(batch: Batch, model: WhisperForConditionalGeneration) -> None:
    """Trainer would divide by accumulation steps only for models that say so; Whisper says nothing, and takes a mean.

    The day this fails, the remark on accumulation in trainer/loop.py is out of date.
    """
    assert "num_items_in_batch" not in inspect.signature(WhisperForConditionalGeneration.forward).parameters
    logits = model(input_features=batch.features, decoder_input_ids=batch.tokens).logits
    mean = functional.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED)
    torch.testing.assert_close(model(input_features=batch.features, labels=batch.labels).loss, mean)


def test_spec_augment_of_transformers_stays_off_and_ours_is_no_function_of_the_model(
    model: WhisperForConditionalGeneration, speller: Speller, tones: ExampleSource
) -> None:
    """transformers' edits the features in place, and masks padding unless it is given the attention mask."""
    assert not model.config.apply_spec_augment
    settings = Settings(Shape(examples=8, least_s=2.0), misled=0.0, spec_augment=1.0)
    masked = next(loader(Stream(tones, speller, settings, 1, 80), workers=0))
    plain = next(loader(Stream(tones, speller, Settings(Shape(examples=8, least_s=2.0), misled=0.0), 1, 80), workers=0))
    for clip, old, frames in zip(masked.features, plain.features, masked.frames.tolist(), strict=True):
        assert torch.equal(clip[:, frames:], old[:, frames:])
    assert not torch.equal(masked.features, plain.features)
    before = masked.features.clone()
    losses(model.train(), Heads(model.config.d_model, speller.end), masked, NEXT_TOKEN).total.backward()
    assert torch.equal(masked.features, before)


def test_language_and_task_are_told_to_generate(model: WhisperForConditionalGeneration, speller: Speller) -> None:
    """Unset, Swedish is detected as Norwegian or Danish now and then."""
    generation = told(generation_config(model, speller, ["en", "sv"]), ["sv"], True)
    assert (generation.language, generation.task) == ("sv", "transcribe")
    model.generation_config = generation
    features = torch.zeros(1, 80, 2 * model.config.max_source_positions)
    written = model.generate(features, max_new_tokens=2, return_dict_in_generate=True)
    assert written["sequences"].shape[0] == 1
    forced = model._retrieve_init_tokens(
        features, 1, generation, model.config, num_segment_frames=features.shape[-1], kwargs={}
    )
    assert forced[0].tolist() == speller.prefix("sv")
