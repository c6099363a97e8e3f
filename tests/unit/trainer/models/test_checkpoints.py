from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import GenerationConfig, WhisperForConditionalGeneration, WhisperProcessor

from tests.recordings import cut_short
from tests.whispers import like_openai
from trainer.errors import PlanError
from trainer.evaluation import recogniser
from trainer.evaluation.decoding import decode
from trainer.evaluation.recogniser import Recogniser, RecogniserError
from trainer.evaluation.utterances import of_examples
from trainer.examples import ExampleSource
from trainer.models import checkpoints
from trainer.models.checkpoints import CheckpointError, Loaded, learning_rate, load, new, save, with_language
from trainer.models.features import LogMel
from trainer.training.batches import Batch, collate
from trainer.training.losses import Heads, Weights, compute_losses

DROPOUTS = {"dropout": 0.1, "activation_dropout": 0.2, "attention_dropout": 0.3}


@pytest.fixture(scope="module", params=["as large-v3", "as tiny"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Loaded, bool]:
    large = request.param == "as large-v3"
    folder = like_openai(tmp_path_factory.mktemp("whisper") / "whisper", large=large)
    return load(str(folder), DROPOUTS), large


def test_ids_and_mel_bins_are_those_of_the_checkpoint(checkpoint: tuple[Loaded, bool]) -> None:
    loaded, large = checkpoint
    assert loaded.model.config.num_mel_bins == loaded.extractor.feature_size == (128 if large else 80)
    assert loaded.model.config.vocab_size == (51866 if large else 51865)
    assert loaded.speller.prefix("sv") == ([50258, 50273, 50360, 50364] if large else [50258, 50273, 50359, 50363])
    assert loaded.speller.no_speech == (50363 if large else 50362)
    assert loaded.speller.timestamp(30.0) == loaded.model.config.vocab_size - 1


def _batch(loaded: Loaded, tones: ExampleSource) -> Batch:
    examples = [tones.example(index) for index in (0, 1, 3, 7)]
    return collate(examples, loaded.speller, LogMel(loaded.model.config.num_mel_bins))


def test_it_trains_saves_reloads_and_writes_the_same(
    checkpoint: tuple[Loaded, bool], tones: ExampleSource, tmp_path: Path
) -> None:
    loaded, _ = checkpoint
    model, batch = loaded.model, _batch(loaded, tones)
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    heads = Heads(model.config.d_model, loaded.speller.end)
    found = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = compute_losses(model.eval(), heads, batch, Weights(0, 0, 0)).total
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.7 * found[0]
    generation = with_language(model.generation_config, ["sv"], True)
    save(tmp_path / "saved", model, loaded.speller, loaded.extractor, generation, config=loaded.known)
    assert "proj_out.weight" not in load_file(tmp_path / "saved" / "model.safetensors"), "it is the embedding's"
    again = load(str(tmp_path / "saved"))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], value.half().float(), rtol=0, atol=0)
    utterances = of_examples([tones.example(index) for index in (1, 3)])
    halved = WhisperForConditionalGeneration.from_pretrained(tmp_path / "saved").eval()
    ours = decode(Recogniser.of(again.model.eval(), again.speller), utterances)
    assert ours == decode(Recogniser.of(halved, loaded.speller), utterances)
    assert ours[0].tokens
    assert again.speller.prefix("sv") == loaded.speller.prefix("sv")
    assert (
        WhisperProcessor.from_pretrained(tmp_path / "saved").feature_extractor.feature_size
        == again.extractor.feature_size
    )


def test_dropouts_are_set_for_training_and_not_saved(checkpoint: tuple[Loaded, bool], tmp_path: Path) -> None:
    loaded, _ = checkpoint
    layer = loaded.model.get_decoder().layers[0]
    assert (layer.dropout, layer.activation_dropout, layer.encoder_attn.dropout) == (0.1, 0.2, 0.3)
    generation = loaded.model.generation_config
    save(tmp_path, loaded.model, loaded.speller, loaded.extractor, generation, config=loaded.known)
    config = WhisperForConditionalGeneration.from_pretrained(tmp_path).config
    assert (config.dropout, config.activation_dropout, config.attention_dropout) == (0.0, 0.0, 0.0)


def test_language_and_task_are_set_unless_there_are_several(checkpoint: tuple[Loaded, bool]) -> None:
    generation: GenerationConfig = checkpoint[0].model.generation_config
    one, several = with_language(generation, ["sv"], True), with_language(generation, ["sv", "en"], True)
    assert (one.language, one.task) == ("sv", "transcribe")
    assert (several.language, several.task) == (None, "transcribe")
    assert one.lang_to_id == generation.lang_to_id
    assert getattr(with_language(generation, ["en"], False), "task", None) is None


def test_an_english_only_model_gets_neither_language_nor_task(tmp_path: Path) -> None:
    loaded = load(str(like_openai(tmp_path / "english", english=True)))
    assert loaded.speller.prefix("en") == [50257, 50362]


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    folder = like_openai(tmp_path / "half")
    cut_short(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="not a complete Whisper checkpoint"):
        load(str(folder))
    with pytest.raises(RecogniserError, match="not a complete Whisper checkpoint"):
        recogniser.load(str(folder), "cpu")


def test_a_failed_download_is_not_reported_as_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    told = "^openai/whisper-nowhere could not be downloaded: We couldn't connect"
    with pytest.raises(CheckpointError, match=told):
        load("openai/whisper-nowhere")
    with pytest.raises(RecogniserError, match=told):
        recogniser.load("openai/whisper-nowhere", "cpu")


def test_an_invalid_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="there is no folder"):
        load(str(tmp_path / "nowhere"))
    with pytest.raises(CheckpointError, match="not a complete Whisper checkpoint"):
        load(str(tmp_path))
    with pytest.raises(CheckpointError, match="new:tiny-demo, new:tiny"):
        new("new:gigantic", [], ["sv"], 1, tmp_path / "tokenizer")


def test_the_tokenizer_of_a_new_model_is_learnt_once(tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    first = new("new:tiny-demo", ["ett två tre"] * 9, ["sv"], 1, folder, DROPOUTS)
    again = new("new:tiny-demo", ["something else"], ["sv"], 1, folder, DROPOUTS)
    assert again.speller.word("två") == first.speller.word("två")
    assert first.model.config.vocab_size == len(first.speller.tokenizer)
    assert first.model.config.activation_dropout == 0.2
    assert first.from_nothing
    for name, value in first.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)


@pytest.mark.parametrize(
    ("width", "rate"), [(384, 3.75e-5), (512, 2.5e-5), (768, 1.25e-5), (1024, 6.25e-6), (1280, 5e-6), (32, 4e-4)]
)
def test_the_learning_rate_suits_the_size(checkpoint: tuple[Loaded, bool], width: int, rate: float) -> None:
    loaded = Loaded(**vars(checkpoint[0]))
    kept = loaded.model.config.d_model
    loaded.model.config.d_model = width
    try:
        assert learning_rate(loaded, adapters=False) == rate
        assert learning_rate(loaded, adapters=True) == rate * checkpoints.ADAPTERS
    finally:
        loaded.model.config.d_model = kept
