"""The second try, on a Whisper with random weights, which is always in doubt: the result is never less likely."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import GenerationMixin
from transformers.modeling_outputs import BaseModelOutput

from tests.unit.transcriber.noises import noise
from transcriber.engine import Hypothesis, Utterance
from transcriber.whisper.model import Model, load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine

pytestmark = pytest.mark.usefixtures("one_thread")

GREEDY = SecondTry(beams=1)
#: With random weights, the results of a search are never confident either.
EVERY = SecondTry(above=-100.0)


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path) -> Model:
    return load(str(tiny_checkpoint), device="cpu")


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    languages = ["sv", "en", "sv", "en", "sv", None]
    # Lengths, and so the limits, differ; two are equal and are searched together.
    return [Utterance(noise(1 + seed // 2, seed), language) for seed, language in enumerate(languages)]


def likeliest(engine: TransformersEngine, utterances: Sequence[Utterance]) -> list[Hypothesis]:
    return [heard.likeliest for heard in engine.transcribe(utterances)]


@given(st.floats(-5, 0), st.integers(0, 50), st.floats(-5, 0))
def test_empty_text_is_never_in_doubt(mean: float, tokens: int, below: float) -> None:
    assert SecondTry(below).doubts(mean, tokens) == (tokens > 0 and mean < below)


def test_guess_replaces_no_guess(model: Model, utterances: list[Utterance]) -> None:
    first = TransformersEngine(model, second_try=GREEDY).transcribe(utterances)
    assert TransformersEngine(model).transcribe(utterances) == first


@given(st.floats(-5, 0), st.floats(-5, 0), st.floats(-5, 0))
def test_result_must_be_likely_and_likelier(found: float, first: float, above: float) -> None:
    assert SecondTry(above=above).better(found, first) == (found > first and found > above)


@torch.inference_mode()
def test_a_second_try_is_kept_only_if_it_is_likelier(model: Model, utterances: list[Utterance]) -> None:
    engine = TransformersEngine(model, second_try=EVERY)
    states = encoded(engine, utterances)
    prefixes = [[model.tokens.prefix(utterance.language or "sv", "transcribe")] for utterance in utterances]
    caps = [20] * len(utterances)
    first = engine._decode(states, lambda _: prefixes, caps)
    every = [(row, 0) for row in range(len(utterances))]
    pairs = list(zip(first, engine._search_again(states, prefixes, caps, first, every), strict=True))
    assert any(before.tokens != after.tokens for [before], [after] in pairs)
    for [before], [after] in pairs:
        assert after is before or after.mean_log_probability > before.mean_log_probability


def test_doubt_is_that_of_the_first_try(model: Model, utterances: list[Utterance]) -> None:
    first = likeliest(TransformersEngine(model, second_try=GREEDY), utterances)
    second = likeliest(TransformersEngine(model, second_try=EVERY), utterances)
    assert any(before.text != after.text for before, after in zip(first, second, strict=True))
    for before, after in zip(first, second, strict=True):
        assert after.mean_log_probability == before.mean_log_probability
        assert after.no_speech_probability == before.no_speech_probability


def test_confident_text_is_not_decoded_again(model: Model, utterances: list[Utterance]) -> None:
    first = TransformersEngine(model, second_try=GREEDY).transcribe(utterances)
    lowest = min(h.mean_log_probability for heard in first for h in heard.hypotheses.values())
    assert TransformersEngine(model, second_try=SecondTry(below=lowest, above=-100.0)).transcribe(utterances) == first


def test_only_doubtful_rows_are_decoded_again(model: Model, utterances: list[Utterance]) -> None:
    first = likeliest(TransformersEngine(model, second_try=GREEDY), utterances[:5])
    middle = sorted(h.mean_log_probability for h in first)[2]
    some = likeliest(TransformersEngine(model, second_try=SecondTry(below=middle, above=-100.0)), utterances[:5])
    every = likeliest(TransformersEngine(model, second_try=EVERY), utterances[:5])
    for before, after, tried in zip(first, some, every, strict=True):
        assert after == (tried if before.mean_log_probability < middle else before)


def test_a_batch_gives_what_each_utterance_alone_gives(model: Model, utterances: list[Utterance]) -> None:
    engine = TransformersEngine(model, second_try=EVERY)
    for utterance, together in zip(utterances, engine.transcribe(utterances), strict=True):
        [alone] = engine.transcribe([utterance])
        assert {code: h.text for code, h in alone.hypotheses.items()} == {
            code: h.text for code, h in together.hypotheses.items()
        }
        assert alone.likeliest.mean_log_probability == pytest.approx(together.likeliest.mean_log_probability, abs=1e-4)


def test_words_have_times_in_order(model: Model, utterances: list[Utterance]) -> None:
    for utterance, hypothesis in zip(
        utterances, likeliest(TransformersEngine(model, second_try=EVERY), utterances), strict=True
    ):
        times = [t for word in hypothesis.words for t in (word.start_s, word.end_s)]
        assert times
        assert times == sorted(times)
        assert 0 <= times[0] <= times[-1] <= len(utterance.audio) / 16_000


# --- parts ------------------------------------------------------------------------------------------


def encoded(engine: TransformersEngine, utterances: Sequence[Utterance]) -> Tensor:
    features = engine._log_mel([utterance.audio for utterance in utterances], 700)
    states: Tensor = engine._model.whisper.get_encoder()(features).last_hidden_state
    return states


@torch.inference_mode()
def test_scoring_a_text_equals_decoding_it(model: Model, utterances: list[Utterance]) -> None:
    engine = TransformersEngine(model, second_try=EVERY)
    states = encoded(engine, utterances)
    prefixes = [model.tokens.prefix(utterance.language or "sv", "transcribe") for utterance in utterances]
    caps = [5, 30, 12, 20, 7, 40]
    written = [one for [one] in engine._decode(states, lambda first: [[p] for p in prefixes], caps)]
    end = model.tokens.end
    texts = [one.tokens if one.truncated else [*one.tokens, end] for one in written]
    for one, read in zip(written, engine._decode.score(states, prefixes, texts), strict=True):
        assert (read.tokens, read.truncated) == (one.tokens, one.truncated)
        assert read.log_probabilities == pytest.approx(one.log_probabilities, abs=1e-4)
        assert read.attention.shape == one.attention.shape
        assert torch.allclose(read.attention, one.attention, atol=1e-5)


@torch.inference_mode()
def test_the_search_is_transformers(model: Model, utterances: list[Utterance]) -> None:
    engine = TransformersEngine(model, second_try=EVERY)
    states = encoded(engine, utterances)
    prefixes = [model.tokens.prefix(utterance.language or "sv", "transcribe") for utterance in utterances]
    caps = [5, 30, 5, 20, 7, 40]
    for row, found in enumerate(engine._search(states, prefixes, caps)):
        [expected] = GenerationMixin.generate(
            model.whisper,
            encoder_outputs=BaseModelOutput(last_hidden_state=states[row : row + 1]),
            decoder_input_ids=torch.tensor([prefixes[row]]),
            num_beams=5,
            do_sample=False,
            max_new_tokens=caps[row],
            eos_token_id=model.tokens.end,
            pad_token_id=model.tokens.end,
        )[:, len(prefixes[row]) :].tolist()
        assert found == expected
        assert len(found) <= caps[row]


@pytest.mark.parametrize("fitting", [4, 1])
@torch.inference_mode()
def test_search_is_split_when_memory_runs_out(
    model: Model, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch, fitting: int
) -> None:
    engine = TransformersEngine(model, second_try=EVERY)
    states = encoded(engine, utterances)
    words = states, [model.tokens.prefix("sv", "transcribe")] * len(utterances), [12] * len(utterances)
    expected, search = engine._search(*words), engine._search._search
    tried: list[int] = []

    def crowded(states: Tensor, begun: Tensor, cap: int) -> Tensor:
        tried.append(len(begun))
        if len(begun) > fitting:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return search(states, begun, cap)

    monkeypatch.setattr(engine._search, "_search", crowded)
    assert engine._search(*words) == expected
    assert tried == {4: [6, 3, 3], 1: [6, 3, 1, 1, 1, 1, 1, 1]}[fitting]
    tried.clear()
    assert engine._search(*words) == expected
    assert len(tried) == 6 // tried[0], "a size that did not fit is not tried again"


@torch.inference_mode()
def test_search_of_one_row_that_does_not_fit_fails(
    model: Model, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    engine = TransformersEngine(model, second_try=EVERY)
    monkeypatch.setattr(engine._search, "_search", full)
    with pytest.raises(torch.OutOfMemoryError):
        engine.transcribe(utterances[:1])
