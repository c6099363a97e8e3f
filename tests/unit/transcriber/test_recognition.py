"""Chunks longer than an engine hears at once; words on the source's clock."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import ScriptedEngine, Spoken, chunks, speech
from transcriber.context import NO_PROMPT, Prompt
from transcriber.recognition import recognise, windows
from wire.messages import Chunk

WORDS: list[Spoken] = [(n + 1, 0.1 + 0.5 * n, 0.1 + 0.5 * n + 0.2 + 0.05 * (n % 5)) for n in range(50)]


def sv(chunk: Chunk, probabilities: Mapping[str, float]) -> str:
    return "sv"


@given(samples=st.integers(0, 1_000_000), limit=st.integers(32_000, 500_000))
def test_windows_cover_everything_and_overlap(samples: int, limit: int) -> None:
    parts = windows(samples, limit)
    assert parts[0][0] == 0
    assert parts[-1][1] == samples
    assert all(end - start <= limit for start, end in parts)
    overlap = min(16_000, limit // 2)
    for (_, end), (start, _) in itertools.pairwise(parts):
        assert end - start == overlap


def test_hot_words_of_a_chunk_are_told_to_the_engine_with_each_of_its_windows() -> None:
    told: list[Prompt] = []
    engine = ScriptedEngine(lambda batch: told.extend(utterance.prompt for utterance in batch), context_s=7.0)
    named, other = (
        dataclasses.replace(chunk, hot_words=hot_words)
        for chunk, hot_words in zip(chunks("jobs/1", speech(WORDS, 20), chunk_s=10.0), [("Umeå",), ()], strict=True)
    )
    recognise(engine, [named, other], "transcribe", sv)
    assert told == [Prompt(("Umeå",))] * 2 + [NO_PROMPT] * 2


@pytest.mark.parametrize("context_s", [30.0, 7.0, 5.0])
def test_a_long_chunk_is_heard_whole_whatever_the_context(context_s: float) -> None:
    [chunk] = chunks("jobs/1", speech(WORDS, 25.5), chunk_s=25.5, origin_s=1000.0)
    engine = ScriptedEngine(context_s=context_s)
    [hypothesis] = recognise(engine, [chunk], "transcribe", sv)
    assert [word.text for word in hypothesis.words] == [f"w{n}" for n, _, _ in WORDS]
    assert hypothesis.text == " ".join(word.text for word in hypothesis.words)
    assert hypothesis.words[0].start_s == pytest.approx(1000.1)
    assert hypothesis.words[-1].end_s == pytest.approx(1000 + WORDS[-1][2])


def test_windows_of_several_chunks_go_in_one_batch() -> None:
    engine = ScriptedEngine(context_s=7.0)
    parts = chunks("jobs/1", speech(WORDS, 25.5), chunk_s=10.0)
    hypotheses = recognise(engine, parts, "transcribe", sv)
    assert len(hypotheses) == 3
    assert engine.batches == [2 + 2 + 1]
    assert hypotheses[1].words[0].start_s >= 9.0, "its lead is heard, too"


def test_the_language_is_asked_for_by_chunk() -> None:
    asked: list[int] = []

    def choose(chunk: Chunk, probabilities: Mapping[str, float]) -> str:
        asked.append(chunk.seq)
        return "en"

    parts = [dataclasses.replace(c, language=None) for c in chunks("jobs/1", speech(WORDS, 25.5), chunk_s=10.0)]
    hypotheses = recognise(ScriptedEngine(context_s=7.0), parts, "transcribe", choose)
    assert asked == [0, 0, 1, 1, 2]
    assert {h.language for h in hypotheses} == {"en"}
