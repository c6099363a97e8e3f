"""The engine on Whispers with random weights: ids, features, batches, word times. The text is nonsense."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.transcriber.noises import noise
from transcriber.engine import Recognition, Utterance
from transcriber.whisper.model import Manifest, load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine
from wire.errors import DecodeError, ModelError, Unsupported

pytestmark = pytest.mark.usefixtures("one_thread")

#: Random weights are always in doubt; the second try is tested in test_second_try.
GREEDY = SecondTry(beams=1)


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> TransformersEngine:
    return TransformersEngine(load(str(tiny_checkpoint), device="cpu"), second_try=GREEDY)


# --- features ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("duration_s", [0.05, 1.0, 6.0, 7.0])
def test_features_are_those_of_the_feature_extractor(
    engine: TransformersEngine, tiny_checkpoint: Path, duration_s: float
) -> None:
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor.from_pretrained(tiny_checkpoint)
    audio = noise(duration_s)
    expected = extractor(audio, sampling_rate=16_000, return_tensors="pt").input_features
    ours = engine._log_mel([audio, noise(7.0, 1)], 700)[:1]
    assert torch.allclose(ours, expected, atol=1e-5)


def test_silence_has_features_without_nan(engine: TransformersEngine) -> None:
    features = engine._log_mel([np.zeros(16_000, dtype=np.float32)], 700)
    assert torch.allclose(features, torch.full_like(features, -1.5))


# --- decoding ---------------------------------------------------------------------------------------


def test_tokens_are_those_of_transformers_generate(engine: TransformersEngine) -> None:
    whisper, tokenizer = engine._model.whisper, engine._model.tokenizer
    audio = noise(3.0, 4)
    hypothesis = engine.transcribe([Utterance(audio, "sv")])[0].likeliest
    written = whisper.generate(
        engine._log_mel([audio], 700),
        decoder_input_ids=torch.tensor([engine._model.tokens.prefix("sv", "transcribe")]),
        max_new_tokens=20,
    )[0].tolist()
    text = tokenizer.decode([token for token in written if token < engine._model.tokens.end])
    assert len(text) > 5
    assert hypothesis.text.startswith(text.strip())


def test_a_batch_gives_what_each_utterance_alone_gives(engine: TransformersEngine) -> None:
    utterances = [
        Utterance(noise(1.0, 1), "sv"),
        Utterance(noise(6.0, 2), "en"),
        Utterance(noise(3.0, 3), "en", "translate"),
    ]
    together = engine.transcribe(utterances)
    for utterance, heard in zip(utterances, together, strict=True):
        [alone] = engine.transcribe([utterance])
        assert alone.likeliest.text == heard.likeliest.text
        expected = pytest.approx(heard.likeliest.mean_log_probability, abs=1e-4)
        assert alone.likeliest.mean_log_probability == expected
    assert engine.transcribe([]) == []


def test_a_loop_is_capped_in_proportion_to_the_audio(engine: TransformersEngine) -> None:
    heard = engine.transcribe([Utterance(noise(0.5), "sv"), Utterance(noise(2.0), "sv")])
    short, long = (one.likeliest for one in heard)
    assert short.tokens <= 8 + 11
    assert long.tokens <= 8 + 44


def test_words_are_in_order_and_within_the_audio(engine: TransformersEngine) -> None:
    for seed in range(5):
        hypothesis = engine.transcribe([Utterance(noise(4.0, seed), "sv")])[0].likeliest
        assert hypothesis.words
        times = [t for word in hypothesis.words for t in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert all(0 <= t <= 4.0 for t in times)
        assert all(word.text == word.text.strip() != "" for word in hypothesis.words)
        assert all(0 <= (word.confidence or 0) <= 1 for word in hypothesis.words)


def test_audio_longer_than_the_context_is_refused(engine: TransformersEngine) -> None:
    with pytest.raises(ModelError, match="CHUNK_S"):
        engine.transcribe([Utterance(noise(7.5), "sv")])


# --- language and task ------------------------------------------------------------------------------


def unsure(engine: TransformersEngine, seeds: range) -> dict[int, Recognition]:
    """Results for noise whose language is in doubt, by seed."""
    heard = {seed: engine.transcribe([Utterance(noise(1.0, seed))])[0] for seed in seeds}
    return {seed: one for seed, one in heard.items() if len(one.hypotheses) > 1}


def test_doubtful_language_is_decoded_as_if_given(engine: TransformersEngine) -> None:
    doubtful = unsure(engine, range(20))
    assert doubtful
    for seed, heard in doubtful.items():
        assert list(heard.hypotheses) == sorted(heard.probabilities, key=lambda code: -heard.probabilities[code])
        assert sum(heard.probabilities.values()) == pytest.approx(1.0)
        for language, hypothesis in heard.hypotheses.items():
            [given] = engine.transcribe([Utterance(noise(1.0, seed), language)])
            assert list(given.hypotheses) == [language]
            assert given.probabilities == pytest.approx(heard.probabilities), "whatever language was given"
            assert (given.likeliest.text, given.likeliest.words) == (hypothesis.text, hypothesis.words)
            assert hypothesis.language == language


def test_rows_with_one_and_with_several_languages_share_a_batch(engine: TransformersEngine) -> None:
    seed = next(iter(unsure(engine, range(20))))
    utterances = [Utterance(noise(2.0, 90), "sv"), Utterance(noise(1.0, seed)), Utterance(noise(3.0, 91), "en")]
    together = engine.transcribe(utterances)
    assert [len(heard.hypotheses) for heard in together] == [1, 2, 1]
    for utterance, heard in zip(utterances, together, strict=True):
        [alone] = engine.transcribe([utterance])
        assert {code: h.text for code, h in alone.hypotheses.items()} == {
            code: h.text for code, h in heard.hypotheses.items()
        }


def test_a_translation_is_in_english_whatever_is_spoken(engine: TransformersEngine) -> None:
    seed = next(iter(unsure(engine, range(20))))
    [heard] = engine.transcribe([Utterance(noise(1.0, seed), task="translate")])
    assert set(heard.hypotheses) == {"en", "sv"}
    assert {hypothesis.language for hypothesis in heard.hypotheses.values()} == {"en"}


def test_an_unknown_language_is_refused(engine: TransformersEngine) -> None:
    with pytest.raises(Unsupported, match="'fi'") as caught:
        engine.check("fi", "transcribe")
    assert caught.value.reason == "language"
    with pytest.raises(Unsupported, match="'fi'"):
        engine.transcribe([Utterance(noise(1.0), "fi")])


def test_a_manifest_narrows_languages_and_context(copy: Path) -> None:
    (copy / "undertext.json").write_text(json.dumps({"format": 1, "languages": ["sv"], "context_s": 6.0, "wer": {}}))
    model = load(str(copy), device="cpu")
    assert (list(model.tokens.languages), model.context_s) == (["sv"], 6.0)
    engine = TransformersEngine(model)
    assert engine.context_s == 6.0
    assert list(engine.transcribe([Utterance(noise(6.0))])[0].hypotheses) == ["sv"]


def test_a_manifest_narrows_tasks(copy: Path) -> None:
    (copy / "undertext.json").write_text(json.dumps({"tasks": ["transcribe"]}))
    engine = TransformersEngine(load(str(copy), device="cpu"))
    engine.check(None, "transcribe")
    assert engine.tasks == ("transcribe",)
    with pytest.raises(Unsupported, match="cannot translate") as caught:
        engine.check(None, "translate")
    assert caught.value.reason == "task"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"context_s": "long"}', b'{"languages": 7}', b'{"trained_with_prompts": 1}']
)
def test_a_bad_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        Manifest.decode(data)


@pytest.mark.parametrize(("manifest", "trained"), [(None, None), ({}, False), ({"trained_with_prompts": True}, True)])
def test_prompt_training_is_known_only_from_the_manifest(
    copy: Path, manifest: dict[str, object] | None, trained: bool | None
) -> None:
    if manifest is not None:
        (copy / "undertext.json").write_text(json.dumps(manifest))
    assert load(str(copy), device="cpu").trained_with_prompts is trained


# --- checkpoints that cannot be used ----------------------------------------------------------------


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no folder"):
        load(str(tmp_path / "nothing"))


def test_missing_folder_next_to_others_is_not_requested_from_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="there is no folder models/nope"):
        load("models/nope")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="contains no checkpoint"):
        load(str(tmp_path))


def test_another_kind_of_model(tmp_path: Path) -> None:
    from transformers import BertConfig

    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="is a bert model; set MODEL"):
        load(str(tmp_path))


def test_a_checkpoint_without_weights(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="not a complete Whisper checkpoint"):
        load(str(copy))


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="demo/model"):
        load("nobody/such-a-model")


def test_a_device_that_is_not_there(tiny_checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="DEVICE=cuda:99"):
        load(str(tiny_checkpoint), device="cuda:99")
