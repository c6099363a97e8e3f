"""One regression test for each known pitfall of training Whisper.

Some cannot happen in a loop of our own; they are tested all the same, as whoever puts transformers' Trainer in its
place would fall into them again. Accumulation is in test_loop, ids and mel bins of large-v3 are in test_checkpoints and
test_large_v3, a low loss beside a high error rate is in test_planted.
"""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import TrainingArguments, WhisperFeatureExtractor, WhisperForConditionalGeneration

import trainer
from tests.whispers import like_openai
from trainer.corpus.prepare import Plan, prepare
from trainer.corpus.sources import hub
from trainer.corpus.sources.candidate import Source
from trainer.errors import SourceError
from trainer.evaluation.decoding import TOKENS_AT_LEAST, TOKENS_PER_S, decode
from trainer.evaluation.evaluate import word_errors
from trainer.evaluation.recogniser import Recogniser
from trainer.evaluation.utterances import of_examples
from trainer.examples import SAMPLE_RATE, ExampleSource
from trainer.models.checkpoints import CheckpointError, generation_config, load, save, with_language
from trainer.models.features import LogMel
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
from trainer.training.batches import Batch, Settings, Shape, Stream, collate, loader
from trainer.training.losses import Heads, Weights, compute_losses, token_loss
from trainer.training.spelling import IGNORED

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
    """transformers derives the decoder's input from the labels: the start token, then all labels but the last."""
    theirs = model(input_features=batch.features, labels=batch.labels)
    ours = compute_losses(model, Heads(model.config.d_model, 1), batch, NEXT_TOKEN)
    torch.testing.assert_close(ours.total, theirs.loss)


def test_masked_end_of_text_the_end_is_learnt_although_padding_is_the_same_token(
    batch: Batch, speller: Speller
) -> None:
    """Labels are masked by length: with `== pad`, the end token would not be learnt, and generation would not stop."""
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
    smoothed = compute_losses(model, Heads(model.config.d_model, 1), batch, NEXT_TOKEN, label_smoothing=0.1).total
    logits = model(input_features=batch.features, decoder_input_ids=batch.tokens).logits
    asked = batch.labels != IGNORED
    likelihoods = logits[asked].log_softmax(-1)
    right = -likelihoods.gather(1, batch.labels[asked][:, None]).mean()
    torch.testing.assert_close(smoothed, 0.9 * right - 0.1 * likelihoods.mean())
    with pytest.raises(ValueError, match="decoder_input_ids"):
        model(input_features=batch.features)


def test_whisper_still_ignores_num_items_in_batch(batch: Batch, model: WhisperForConditionalGeneration) -> None:
    """Trainer divides by accumulation steps only for models that declare it; Whisper does not, and takes a mean.

    The day this fails, the remark on accumulation in trainer/training/loop.py is out of date.
    """
    assert "num_items_in_batch" not in inspect.signature(WhisperForConditionalGeneration.forward).parameters
    logits = model(input_features=batch.features, decoder_input_ids=batch.tokens).logits
    mean = functional.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED)
    torch.testing.assert_close(model(input_features=batch.features, labels=batch.labels).loss, mean)


def test_spec_augment_of_transformers_stays_off_and_ours_is_no_function_of_the_model(
    model: WhisperForConditionalGeneration, speller: Speller, tones: ExampleSource
) -> None:
    """transformers' version edits features in place, and masks padding unless it gets the attention mask."""
    assert not model.config.apply_spec_augment
    settings = Settings(Shape(examples=8, least_s=2.0), misled=0.0, spec_augment=1.0)
    masked = next(loader(Stream(tones, speller, settings, 1, 80), workers=0))
    plain = next(loader(Stream(tones, speller, Settings(Shape(examples=8, least_s=2.0), misled=0.0), 1, 80), workers=0))
    for clip, old, frames in zip(masked.features, plain.features, masked.frames.tolist(), strict=True):
        assert torch.equal(clip[:, frames:], old[:, frames:])
    assert not torch.equal(masked.features, plain.features)
    before = masked.features.clone()
    compute_losses(model.train(), Heads(model.config.d_model, speller.end), masked, NEXT_TOKEN).total.backward()
    assert torch.equal(masked.features, before)


def test_language_and_task_are_told_to_generate(model: WhisperForConditionalGeneration, speller: Speller) -> None:
    """If unset, Swedish is sometimes detected as Norwegian or Danish."""
    generation = with_language(generation_config(model, speller, ["en", "sv"]), ["sv"], True)
    assert (generation.language, generation.task) == ("sv", "transcribe")
    model.generation_config = generation
    features = torch.zeros(1, 80, 2 * model.config.max_source_positions)
    written = model.generate(features, max_new_tokens=2, return_dict_in_generate=True)
    assert written["sequences"].shape[0] == 1
    forced = model._retrieve_init_tokens(
        features, 1, generation, model.config, num_segment_frames=features.shape[-1], kwargs={}
    )
    assert forced[0].tolist() == speller.prefix("sv")


def test_errors_are_counted_in_normalised_words(
    model: WhisperForConditionalGeneration, speller: Speller, tones: ExampleSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a normaliser, every capital and comma is an error; with one that drops diacritics, låg is lag."""
    example = replace(tones.example(1), language="sv")
    said = [replace(one, text=example.text.upper()) for one in of_examples([example])]
    assert any(letter in said[0].text for letter in "ÅÄÖ")
    recogniser = Recogniser.of(model, speller)
    for written, errors in ((example.text + ",", 0), (example.text.replace("å", "a").replace("ö", "o"), 1)):
        monkeypatch.setattr(Recogniser, "text", lambda self, ids, written=written: written)
        score = word_errors(recogniser, said, 2.0)
        assert score.words == len(example.words)
        assert (score.errors > 0) == bool(errors)


def test_a_model_that_repeats_itself_is_ended_by_how_long_the_clip_is(
    model: WhisperForConditionalGeneration, speller: Speller, tones: ExampleSource
) -> None:
    """Without a cap one clip of 30 s fills 448 tokens with the same word, and word errors go beyond 100 %."""
    example = tones.example(0)
    recogniser = replace(Recogniser.of(model, speller), suppressed=tuple(range(5, model.config.vocab_size)))
    (written,) = decode(recogniser, of_examples([example]))
    assert written.truncated
    assert len(written.tokens) == TOKENS_AT_LEAST + int(np.ceil(TOKENS_PER_S * example.duration_s))


def test_a_processor_of_another_checkpoint_is_refused(tmp_path: Path) -> None:
    """large-v3 needs 128 mel bins; features of tiny's processor would be an error of shapes in the first step."""
    folder = like_openai(tmp_path / "large-v3", large=True)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    with pytest.raises(CheckpointError, match="makes 80 mel bins, but the model takes 128"):
        load(str(folder))


def test_a_small_vocabulary_is_not_english_only(
    model: WhisperForConditionalGeneration, speller: Speller, tmp_path: Path
) -> None:
    """Not every generation config has `is_multilingual`, and the number of ids does not imply it."""
    generation = generation_config(model, speller, ["en", "sv"])
    del generation.is_multilingual
    save(tmp_path, model, speller, WhisperFeatureExtractor(chunk_length=2), generation)
    assert load(str(tmp_path)).speller.prefix("sv") == speller.prefix("sv")


#: Arguments of training and loading that transformers 5 renamed or removed.
GONE = {
    "evaluation_strategy",
    "group_by_length",
    "warmup_ratio",
    "torch_dtype",
    "forced_bos_token_id",
    "use_auth_token",
}


def test_no_argument_is_used_that_transformers_has_no_more() -> None:
    """`from_pretrained` accepts any keyword: an obsolete one would silently have no effect."""
    assert not {"evaluation_strategy", "group_by_length", "warmup_ratio"} & {f.name for f in fields(TrainingArguments)}
    used = {
        (path.name, keyword.arg)
        for path in Path(trainer.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        for keyword in call.keywords
    }
    assert ("checkpoints.py", "dtype") in used
    assert not [one for one in used if one[1] in GONE]


def test_half_precision_on_disk_is_trained_in_single(
    model: WhisperForConditionalGeneration, speller: Speller, tmp_path: Path
) -> None:
    """Adam's steps are smaller than the resolution of half precision: training would make no progress."""
    generation = generation_config(model, speller, ["sv"])
    save(tmp_path, model.half(), speller, WhisperFeatureExtractor(chunk_length=2), generation)
    assert {weight.dtype for weight in load(str(tmp_path)).model.parameters()} == {torch.float32}


def test_a_release_of_common_voice_is_read_from_disk_without_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Common Voice left the hub in October 2025, and `datasets` 4 does not run loading scripts."""
    import soundfile

    clips = tmp_path / "cv" / "sv-SE" / "clips"
    clips.mkdir(parents=True)
    rows = ["client_id\tpath\tsentence\taccents\tlocale"]
    for n in range(4):
        tone = 0.3 * np.sin(2 * np.pi * (300 + 90 * n) * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
        soundfile.write(clips / f"{n}.mp3", tone, SAMPLE_RATE)
        rows.append(f"speaker-{n}\t{n}.mp3\tlåg mellan hög\tskånska\tsv-SE")
    (clips.parent / "train.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "datasets", None)
    source = Source(str(clips.parent))
    corpus = prepare(Plan((source,), tmp_path / "out", processes=1, progress=False)).corpus
    assert [(clip.language, clip.accent) for clip in corpus.clips] == [("sv", "skånska")] * 4
    hub._open.cache_clear()
    with pytest.raises(SourceError, match=r"no file or folder mozilla\S+, and .* need another library"):
        next(hub.read(Source("mozilla-foundation/common_voice_17_0")))
