"""Greedy decoding gives the same output as transformers' `generate`, for every kind of checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import WhisperFeatureExtractor

from tests import whispers
from tests.unit.trainer.killed import started_by
from trainer.errors import NoRoom
from trainer.evaluation.decoding import (
    TOKENS_AT_LEAST,
    DecodingOptions,
    Transcript,
    batches,
    decode,
    encode,
    greedy,
    positions_of,
)
from trainer.evaluation.recogniser import Recogniser, load
from trainer.evaluation.utterances import Utterance
from trainer.examples import SAMPLE_RATE
from trainer.models.whisper import SIZES

#: Their caps differ, so rows end one by one and the batch shrinks.
DURATIONS_S = (0.1, 2.0, 0.3, 1.1, 0.2)

CHECKPOINTS: dict[str, Callable[[Path], Path]] = {
    "80 mels": whispers.like_openai,
    "128 mels, one language more": lambda folder: whispers.like_openai(folder, large=True),
    "English only": lambda folder: whispers.like_openai(folder, english=True),
}


def utterance(seed: int, duration_s: float, language: str = "en") -> Utterance:
    audio = np.random.default_rng(seed).standard_normal(round(duration_s * SAMPLE_RATE)).astype(np.float32) / 10
    return Utterance(str(seed), "", language, duration_s, lambda: audio)


@pytest.fixture(scope="module", params=CHECKPOINTS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CHECKPOINTS[request.param](tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    return load(str(whispers.tiny(tmp_path_factory.mktemp("tiny"))), "cpu")


def test_it_writes_what_generate_writes(checkpoint: Path) -> None:
    recogniser = load(str(checkpoint), "cpu")
    if not recogniser.languages:  # with an empty table, which no real checkpoint has, `generate` detects a language
        del recogniser.model.generation_config.lang_to_id
    known = ("en", "sv") if recogniser.languages else ("en",)
    utterances = [utterance(i, s, known[i % len(known)]) for i, s in enumerate(DURATIONS_S)]
    options = DecodingOptions(recogniser.longest_s)
    written = decode(recogniser, utterances, options)
    extractor = WhisperFeatureExtractor.from_pretrained(checkpoint)
    for one, found in zip(utterances, written, strict=True):
        features = extractor(one.audio(), sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        forced = {"language": one.language, "task": "transcribe"} if recogniser.languages else {}
        room = recogniser.model.config.max_target_positions - len(recogniser.prefix(one.language))
        cap = min(options.cap(one.duration_s), room)
        expected = recogniser.model.generate(features, max_new_tokens=cap, **forced)[0].tolist()
        text = [token for token in expected if token not in recogniser.prefix(one.language)]
        assert list(found.tokens) == [token for token in text if token != recogniser.end]
        assert found.truncated == (recogniser.end not in text)


def test_transcripts_are_in_the_order_of_the_utterances(tiny: Recogniser) -> None:
    utterances = [utterance(i, s) for i, s in enumerate(DURATIONS_S)]
    alone = [decode(tiny, [one], DecodingOptions(7.0))[0] for one in utterances]
    counted: list[int] = []
    assert decode(tiny, utterances, DecodingOptions(7.0, batch_s=14.0), counted.append) == alone
    assert counted == [2, 2, 1]


def test_nothing_is_kept_for_gradients_of_what_is_written(tiny: Recogniser) -> None:
    """Inference mode, not `no_grad`, whose bookkeeping takes a tenth of the time of a token while a GPU waits."""
    kept = []
    layer = tiny.model.get_decoder().layers[0]
    hook = layer.register_forward_hook(lambda *words: kept.append(not torch.is_inference_mode_enabled()))
    decode(tiny, [utterance(1, 0.4)])
    hook.remove()
    assert kept
    assert not any(kept)


def test_two_processes_write_what_one_does(tiny: Recogniser) -> None:
    utterances = [utterance(i, s) for i, s in enumerate(DURATIONS_S)]
    one, two = (decode(tiny, utterances, DecodingOptions(2.0, 4.0, processes)) for processes in (1, 2))
    assert one == two


def test_output_is_capped_by_the_duration(tmp_path: Path) -> None:
    recogniser = load(str(whispers.like_openai(tmp_path)), "cpu")
    with torch.no_grad():
        recogniser.model.get_decoder().embed_tokens.weight[recogniser.end] = -1e3
    for found, duration_s in zip(
        decode(recogniser, [utterance(i, s) for i, s in enumerate(DURATIONS_S)], DecodingOptions(2.0)),
        DURATIONS_S,
        strict=True,
    ):
        if found.truncated:
            assert len(found.tokens) == TOKENS_AT_LEAST + int(np.ceil(22 * duration_s))
        else:
            pytest.fail("the end token was written")


def test_a_script_with_several_tokens_per_letter_is_not_cut(tmp_path: Path) -> None:
    recogniser = load(str(whispers.like_openai(tmp_path)), "cpu")
    with torch.no_grad():
        recogniser.model.get_decoder().embed_tokens.weight[recogniser.end] = -1e3
    said = "ყველა ადამიანი იბადება"  # in 1 s, faster than anyone speaks, so that a short text suffices
    tokens = len(recogniser.ids(said))
    assert tokens > TOKENS_AT_LEAST + 22
    (found,) = decode(recogniser, [replace(utterance(1, 1.0), text=said)], DecodingOptions(2.0))
    assert len(found.tokens) == 2 * tokens


def test_padding_is_silence_and_not_zeros(tiny: Recogniser) -> None:
    """transformers pads short features with zeros, which are not silence in log-mel features."""
    one = utterance(1, 1.0)
    silence = np.concatenate([one.audio(), np.zeros(6 * SAMPLE_RATE, np.float32)])
    padded = Utterance("padded", "", "en", 7.0, lambda: silence)
    torch.testing.assert_close(encode(tiny, [one], 7.0), encode(tiny, [padded], 7.0))


def test_a_short_context_is_short_in_the_encoder_and_leaves_the_model_as_it_was(tiny: Recogniser) -> None:
    assert encode(tiny, [utterance(1, 1.0)], 2.0).shape[1] == 100
    assert tiny.longest_s == 7.0
    assert encode(tiny, [utterance(1, 1.0)], 7.0).shape[1] == 350


@given(durations_s=st.lists(st.floats(0.1, 30), max_size=40), batch_s=st.floats(1, 100))
def test_every_utterance_is_in_one_batch_that_is_no_longer_than_allowed(
    tiny: Recogniser, durations_s: list[float], batch_s: float
) -> None:
    utterances = [utterance(0, 0.1) for _ in durations_s]
    utterances = [Utterance("", "", "en", s, one.audio) for s, one in zip(durations_s, utterances, strict=True)]
    for context_s in (None, 30.0):
        found = list(batches(tiny, utterances, DecodingOptions(context_s, batch_s)))
        assert sorted(index for batch in found for index in batch) == list(range(len(durations_s)))
        for batch in found:
            longest_s = context_s or max(durations_s[index] for index in batch)
            assert len(batch) == 1 or len(batch) * longest_s <= batch_s
        longest = [max(durations_s[index] for index in batch) for batch in found]
        assert longest == sorted(longest, reverse=True)


@pytest.mark.parametrize(
    ("size", "gib", "clips"),
    [
        *(("small", 139, 512), ("small", 24, 116), ("small", 8, 38)),
        *(("large-v3", 139, 151), ("large-v3", 12, 13), ("large-v3-turbo", 24, 119)),
    ],
)
def test_batches_on_a_gpu_depend_on_its_memory(
    tiny: Recogniser, size: str, gib: int, clips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = SIZES[size].shape
    config = SimpleNamespace(**shape)
    model: Any = SimpleNamespace(config=config, dtype=torch.bfloat16, device=torch.device("cuda"))
    found = SimpleNamespace(total_memory=gib * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: found)
    some = [utterance(0, 0.1)] * 600
    assert len(next(batches(replace(tiny, model=model), some, DecodingOptions(30.0)))) == clips
    cross_bytes = clips * 2 * config.decoder_layers * config.max_source_positions * config.d_model * 2
    assert cross_bytes <= gib * 2**30 / 4


def test_a_batch_without_a_context_is_as_long_as_its_longest_utterance() -> None:
    assert [positions_of(s, None) for s in (0.0, 0.2, 0.21, 1.0)] == [10, 10, 20, 50]
    assert positions_of(3.0, 7.0) == 350


@pytest.mark.parametrize("fitting", [3, 1])
def test_batches_shrink_when_memory_runs_out(tiny: Recogniser, monkeypatch: pytest.MonkeyPatch, fitting: int) -> None:
    utterances = [utterance(seed, 0.4) for seed in range(7)]
    expected = decode(tiny, utterances)
    tried: list[int] = []

    def crowded(recogniser: Recogniser, states: Tensor, *words: Any) -> list[Transcript]:
        tried.append(len(states))
        if len(states) > fitting:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return greedy(recogniser, states, *words)

    monkeypatch.setattr("trainer.evaluation.decoding.greedy", crowded)
    assert decode(tiny, utterances) == expected
    assert tried == {3: [7, 3, 3, 1], 1: [7, 3, 1, 1, 1, 1, 1, 1, 1]}[fitting]


def test_a_killed_process_is_reported(tiny: Recogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.evaluation.decoding.decode_batch", lambda *words: os._exit(9))
    with pytest.raises(NoRoom, match="one of 2 processes was killed"):
        decode(tiny, [utterance(seed, 0.4) for seed in range(4)], DecodingOptions(batch_s=1.0, processes=2))


KILLED = """
import sys
from tests.unit.trainer.evaluation.test_decoding import utterance
from trainer.evaluation.decoding import DecodingOptions, decode
from trainer.evaluation.recogniser import load

utterances = [utterance(seed, 0.4) for seed in range(40)]
decode(load(sys.argv[1], "cpu"), utterances, DecodingOptions(batch_s=1.0, processes=2), lambda count: die())
"""


def test_no_process_outlives_a_killed_evaluation(tmp_path: Path) -> None:
    started = started_by(KILLED, tmp_path, whispers.tiny(tmp_path / "whisper"))
    assert len(started) in (2, 3)  # two workers; since Python 3.14 also multiprocessing's resource tracker


def test_a_single_utterance_that_does_not_fit_in_memory_is_reported(
    tiny: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: Any) -> list[Transcript]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("trainer.evaluation.decoding.greedy", full)
    with pytest.raises(NoRoom, match="the GPU has too little memory to run"):
        decode(tiny, [utterance(1, 0.4)])
