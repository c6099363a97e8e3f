"""Whispers with OpenAI's ids: their inputs and outputs, compared with transformers' own implementation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import GenerationConfig

from ingest.chunker import Chunker
from tests.unit.transcriber.noises import noise
from tests.whispers import OPENAI, TIMESTAMPS, like_openai
from transcriber.engine import Utterance
from transcriber.joining.policy import Policy
from transcriber.joining.seam import advance
from transcriber.outcome import Outcome, Part, Reading
from transcriber.recognition import recognise
from transcriber.whisper.model import Model, load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine
from wire.errors import Unsupported
from wire.languages import CODES
from wire.messages import Caption, Task

pytestmark = pytest.mark.usefixtures("one_thread")

TASKS: tuple[Task, ...] = ("transcribe", "translate")

needs_openai = pytest.mark.skipif(OPENAI is None, reason="UNDERTEXT_SPEECH does not say where OpenAI's tokenizer is")


def tone(duration_s: float, frequency_hz: float) -> NDArray[np.float32]:
    times_s = np.arange(round(16_000 * duration_s)) / 16_000
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((False, False), id="made like tiny"),
        pytest.param((True, False), id="made like large-v3"),
        pytest.param((False, True), id="OpenAI's", marks=needs_openai),
        pytest.param((True, True), id="OpenAI's as in large-v3", marks=needs_openai),
    ],
)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    large, own = request.param
    return load(str(like_openai(tmp_path_factory.mktemp("whisper"), large=large, own=own)), device="cpu")


@pytest.fixture(scope="module")
def engine(model: Model) -> TransformersEngine:
    return TransformersEngine(model, second_try=SecondTry(beams=1))


@pytest.fixture
def large(model: Model) -> bool:
    return bool(model.whisper.config.num_mel_bins == 128)


def test_ids_are_openais(model: Model, large: bool) -> None:
    """As numbered by tiktoken in openai/whisper's tokenizer.py; large-v3 has one more language."""
    tokens, shift = model.tokens, int(large)
    assert (tokens.end, tokens.start, tokens.languages["en"], tokens.languages["sv"]) == (50257, 50258, 50259, 50273)
    assert tokens.tasks == {"transcribe": 50359 + shift, "translate": 50358 + shift}
    assert (tokens.no_speech, tokens.no_timestamps) == (50362 + shift, 50363 + shift)
    assert model.whisper.config.vocab_size == tokens.timestamps_from + TIMESTAMPS == 51865 + shift
    assert tokens.languages.get("yue") == (50358 if large else None)
    assert set(tokens.languages) == (CODES if large else CODES - {"yue"})
    assert tokens.suppressed_first == (220, 50257)
    assert model.context_s == 30.0
    assert model.mel_filters.shape[1] == (128 if large else 80)


@pytest.mark.parametrize("task", TASKS)
def test_prefixes_are_those_of_the_tokenizer(model: Model, task: Task) -> None:
    for language in model.tokens.languages:
        ours = model.tokens.prefix(language, task)
        model.tokenizer.set_prefix_tokens(language=language, task=task, predict_timestamps=False)
        assert ours == model.tokenizer.prefix_tokens
        forced = model.tokenizer.get_decoder_prompt_ids(language=language, task=task, no_timestamps=True)
        assert ours == [model.tokens.start, *(token for _, token in forced)]


@pytest.mark.parametrize("language", ["sv", "ja"])
@pytest.mark.parametrize("task", TASKS)
def test_texts_are_those_of_generate(engine: TransformersEngine, model: Model, language: str, task: Task) -> None:
    """Token by token, in float32, on the same features, up to the limit of 22 a second that begin a character."""
    audio = noise(1.0)
    hypothesis = engine.transcribe([Utterance(audio, language, task)])[0].likeliest
    written = generated(model, engine, audio, language, task, 200)
    while model.tokens.count(written) > 8 + 22 or (written and written[-1] in model.tokens.within):
        written.pop()
    assert len(written) > 10
    assert hypothesis.tokens == model.tokens.count(written)
    assert hypothesis.text == model.tokenizer.decode(written, clean_up_tokenization_spaces=False).strip()


def generated(
    model: Model, engine: TransformersEngine, audio: NDArray[np.float32], language: str, task: Task, limit: int
) -> list[int]:
    """The output of transformers' `generate`, without prefix and end token."""
    features = engine._log_mel([audio], 2 * model.positions)
    written: list[int] = model.whisper.generate(
        features, language=language, task=task, max_new_tokens=limit, num_beams=1, do_sample=False
    )[0].tolist()
    prefix = model.tokens.prefix(language, task)
    if written[: len(prefix)] == prefix:
        written = written[len(prefix) :]
    return written[: written.index(model.tokens.end)] if model.tokens.end in written else written


def test_languages_are_those_that_transformers_detects(
    engine: TransformersEngine, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcriber.rules.TOKENS_PER_S", 0.0)  # the texts take time and do not matter
    seen = set()
    for audio in (noise(1.0), noise(29.0), *(tone(20.0, frequency_hz) for frequency_hz in (100, 300, 1000, 3000))):
        [heard] = engine.transcribe([Utterance(audio)])
        features = engine._log_mel([audio], 2 * model.positions)
        [detected] = model.whisper.detect_language(features).flatten().tolist()
        assert model.tokens.languages[next(iter(heard.hypotheses))] == detected
        assert sum(heard.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
        assert set(heard.probabilities) == set(model.tokens.languages)
        seen.add(detected)
    assert len(seen) > 1, "all detected languages are equal, so this test shows nothing"


def test_timestamps_and_special_tokens_are_not_text(model: Model) -> None:
    """If a model generates them anyway, they count neither as text nor as words."""
    engine = TransformersEngine(model)
    engine._decode._suppressed = torch.arange(3, model.tokens.end)  # leaves three tokens of text, and all others
    found = [engine.transcribe([Utterance(noise(3.0, seed), "sv")])[0].likeliest for seed in range(4)]
    for hypothesis in found:
        assert "<|" not in hypothesis.text
        assert hypothesis.text == " ".join(word.text for word in hypothesis.words)
        assert hypothesis.tokens < 8 + 66
    assert any(hypothesis.truncated and not hypothesis.words for hypothesis in found)


def test_a_manifest_names_languages(tmp_path: Path) -> None:
    folder = like_openai(tmp_path)
    (folder / "undertext.json").write_text('{"languages": ["sv", "no", "da"]}')
    engine = TransformersEngine(load(str(folder), device="cpu"))
    for seed in range(4):
        [heard] = engine.transcribe([Utterance(noise(2.0, seed))])
        assert set(heard.probabilities) == {"sv", "no", "da"} >= set(heard.hypotheses)
    with pytest.raises(Unsupported, match="'en'; it supports da, no, sv"):
        engine.check("en", "transcribe")
    assert engine.languages == ("da", "no", "sv")


@pytest.mark.parametrize("told", [True, False])
def test_english_only_model_gets_no_language_token(tmp_path: Path, told: bool) -> None:
    folder = like_openai(tmp_path, english=True)
    if not told:  # as in a checkpoint without generation config
        generation = GenerationConfig.from_pretrained(folder)
        del generation.is_multilingual
        generation.save_pretrained(folder)
    model = load(str(folder), device="cpu")
    tokens = model.tokens
    assert (tokens.end, tokens.start, tokens.no_timestamps, tokens.languages) == (50256, 50257, 50362, {})
    engine = TransformersEngine(model)
    assert engine.languages == ("en",)
    detected, given = engine.transcribe([Utterance(noise(2.0)), Utterance(noise(2.0), "en")])
    assert detected == given
    assert (list(detected.hypotheses), detected.probabilities, detected.likeliest.language) == (["en"], {}, "en")
    for language, task, reason in (("sv", "transcribe", "language"), (None, "translate", "task")):
        with pytest.raises(Unsupported) as caught:
            engine.check(language, task)  # type: ignore[arg-type]
        assert caught.value.reason == reason


@pytest.mark.parametrize("task", TASKS)
def test_from_chunks_to_captions(engine: TransformersEngine, task: Task) -> None:
    """The text is nonsense, but captions are well-formed: nothing depends on the bundled model."""
    chunker = Chunker(2 * 16_000, 16_000)
    audio = (noise(5.5, 3) * 32767).astype("<i2")
    pieces = [*chunker.feed(audio.tobytes()), chunker.finish()]
    chunks = [piece.chunk("jobs/1", epoch=1, origin_s=100.0) for piece in pieces]
    state: bytes | None = None
    captions: list[Caption] = []
    for chunk, heard in zip(chunks, recognise(engine, chunks, task), strict=True):
        parts = [
            Part.of({spoken: Reading(h.words, h.language) for spoken, h in part.hypotheses.items()}, part.probabilities)
            for part in heard
        ]
        advanced = advance(state, [Outcome.of(chunk, parts)], Policy("jobs/1"), 0.0)
        assert advanced is not None
        state = advanced.state
        captions += advanced.captions
        assert advanced.finished == chunk.last
    assert [caption.id for caption in captions] == list(range(1, len(captions) + 1))
    assert sum(len(caption.words) for caption in captions) > 5
    for caption in captions:
        assert caption.final
        assert "<|" not in caption.text
        assert 100.0 <= caption.start_s <= caption.end_s <= 105.5
        assert caption.language in (engine._model.tokens.languages if task == "transcribe" else {"en"})
    assert state is not None
    assert json.loads(state)["votes"]["language"] in engine._model.tokens.languages
