"""Chunks longer than an engine's context; words on the source's clock."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import ScriptedEngine, Spoken, chunks, speech
from transcriber.engine import Turn
from transcriber.prompt import NO_PROMPT, Prompt
from transcriber.recognition import recognise, windows

WORDS: list[Spoken] = [(n + 1, 0.1 + 0.5 * n, 0.1 + 0.5 * n + 0.2 + 0.05 * (n % 5)) for n in range(50)]


@given(samples=st.integers(0, 1_000_000), limit=st.integers(32_000, 500_000))
def test_windows_cover_everything_and_overlap(samples: int, limit: int) -> None:
    parts = windows(samples, limit)
    assert parts[0][0] == 0
    assert parts[-1][1] == samples
    assert all(end - start <= limit for start, end in parts)
    overlap = min(16_000, limit // 2)
    for (_, end), (start, _) in itertools.pairwise(parts):
        assert end - start == overlap


def test_hot_words_are_in_the_prompt_of_every_window() -> None:
    told: list[Prompt] = []
    engine = ScriptedEngine(lambda batch: told.extend(utterance.prompt for utterance in batch), context_s=7.0)
    named, other = (
        dataclasses.replace(chunk, hot_words=hot_words)
        for chunk, hot_words in zip(chunks("jobs/1", speech(WORDS, 20), chunk_s=10.0), [("Umeå",), ()], strict=True)
    )
    recognise(engine, [named, other], "transcribe")
    assert told == [Prompt(("Umeå",))] * 2 + [NO_PROMPT] * 2


@pytest.mark.parametrize("context_s", [30.0, 7.0, 5.0])
def test_long_chunk_is_recognised_completely_with_any_context(context_s: float) -> None:
    [chunk] = chunks("jobs/1", speech(WORDS, 25.5), chunk_s=25.5, origin_s=1000.0)
    engine = ScriptedEngine(context_s=context_s)
    [[heard]] = recognise(engine, [chunk], "transcribe")
    hypothesis = heard.likeliest
    assert list(heard.hypotheses) == ["sv"]
    assert [word.text for word in hypothesis.words] == [f"w{n}" for n, _, _ in WORDS]
    assert hypothesis.text == " ".join(word.text for word in hypothesis.words)
    assert hypothesis.words[0].start_s == pytest.approx(1000.1)
    assert hypothesis.words[-1].end_s == pytest.approx(1000 + WORDS[-1][2])


def test_windows_of_several_chunks_share_one_batch() -> None:
    engine = ScriptedEngine(context_s=7.0)
    parts = chunks("jobs/1", speech(WORDS, 25.5), chunk_s=10.0)
    heard = recognise(engine, parts, "transcribe")
    assert len(heard) == 3
    assert engine.batches == [2 + 2 + 1]
    assert heard[1][0].likeliest.words[0].start_s >= 9.0, "its lead is decoded, too"


def test_chunk_task_overrides_the_default() -> None:
    asked: list[str] = []
    engine = ScriptedEngine(lambda utterances: asked.extend(utterance.task for utterance in utterances))
    plain, own = chunks("jobs/1", speech(WORDS, 10.0))
    heard = recognise(engine, [plain, dataclasses.replace(own, task="translate")], "transcribe")
    assert asked == ["transcribe", "translate"]
    assert [h.likeliest.language for [h] in heard] == ["sv", "en"]


# --- languages ----------------------------------------------------------------------------------------


def by_half(numbers: set[int]) -> dict[str, float]:
    """The first 25 words are Swedish and the others English; a window with both is in doubt."""
    swedish = sum(number <= 25 for number in numbers) / len(numbers)
    return {"en": 1 - swedish, "sv": swedish}


def spell(language: str, number: int) -> str:
    return f"{language}{number}"


def test_doubtful_chunk_is_decoded_in_every_candidate_language() -> None:
    parts = [dataclasses.replace(c, language=None) for c in chunks("jobs/1", speech(WORDS, 25.5))]
    heard = recognise(ScriptedEngine(detect=by_half, spell=spell), parts, "transcribe")
    assert [list(h.hypotheses) for [h] in heard] == [["sv"], ["sv"], ["sv", "en"], ["en"], ["en"], ["en"]]
    [doubtful] = heard[2]
    for language, hypothesis in doubtful.hypotheses.items():
        assert {word.text[:2] for word in hypothesis.words} == {language} == {hypothesis.language}
    assert sum(doubtful.probabilities.values()) == pytest.approx(1.0)


def test_long_chunk_is_merged_in_every_language() -> None:
    """A window that is certainly in one language is used as it is, whatever the others are in."""
    [chunk] = (dataclasses.replace(c, language=None) for c in chunks("jobs/1", speech(WORDS, 25.5), chunk_s=25.5))
    [[heard]] = recognise(ScriptedEngine(context_s=7.0, detect=by_half, spell=spell), [chunk], "transcribe")
    assert set(heard.hypotheses) == {"sv", "en"}
    for language, hypothesis in heard.hypotheses.items():
        assert hypothesis.language == language
        texts = [word.text for word in hypothesis.words]
        assert [int(text[2:]) for text in texts] == [number for number, _, _ in WORDS]
        assert (texts[0], texts[-1]) == ("sv1", "en50")
    in_doubt = [heard.hypotheses[language].words[25].text for language in ("sv", "en")]
    assert in_doubt == ["sv26", "en26"]
    assert sum(heard.probabilities.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("context_s", [30.0, 7.0])
def test_chunk_with_a_turn_is_decoded_in_parts(context_s: float) -> None:
    """In one window or several: the turn is in a pause after word 25, in the overlap of two windows of 7 s."""
    words = [(n, start_s + 0.3 * (n > 25), end_s + 0.3 * (n > 25)) for n, start_s, end_s in WORDS]
    [chunk] = (
        dataclasses.replace(c, language=None)
        for c in chunks("jobs/1", speech(words, 25.8), chunk_s=25.8, origin_s=1000.0)
    )
    engine = ScriptedEngine(context_s=context_s, detect=by_half, spell=spell, turns=True)
    [parts] = recognise(engine, [chunk], "transcribe")
    assert [list(part.hypotheses) for part in parts] == [["sv"], ["en"]]
    texts = [word.text for part in parts for word in part.likeliest.words]
    assert texts == [f"{'sv' if n <= 25 else 'en'}{n}" for n, _, _ in WORDS]
    assert parts[1].likeliest.words[0].start_s == pytest.approx(1000 + words[25][1])
    assert max(engine.batches) == engine.batches[0], "batches are no larger than the first one"


#: Two sentences; another language begins at 10.0 s, in the pause between them.
PAUSED: list[Spoken] = [(1, 9.0, 9.3), (2, 9.4, 9.8), (26, 10.2, 10.5), (27, 10.6, 11.0)]


def test_each_part_includes_its_whole_pauses() -> None:
    """Otherwise a model would take the last word of a part for one that is cut."""
    lengths: list[int] = []
    engine = ScriptedEngine(
        lambda batch: lengths.extend(len(u.audio) for u in batch),
        context_s=30.0,
        detect=by_half,
        spell=spell,
        turns=True,
    )
    [chunk] = (dataclasses.replace(c, language=None) for c in chunks("jobs/1", speech(PAUSED, 12.0), chunk_s=12.0))
    recognise(engine, [chunk], "transcribe")
    assert lengths == [192_000, 160_000 + 2_400, 32_000 + 2_400]


def test_word_in_the_pause_shared_by_two_parts_is_kept_once() -> None:
    """A word short enough to be hidden in a pause, 60 ms after the turn."""
    hidden: list[Spoken] = [*PAUSED[:2], (3, 10.06, 10.13), (26, 10.4, 10.7), (27, 10.8, 11.2)]
    engine = ScriptedEngine(context_s=30.0, detect=by_half, spell=spell, turns=True)
    turns = (Turn(0.0, "sv"), Turn(10.0, "en"))
    engine._turns = lambda utterance: turns  # type: ignore[method-assign]
    [chunk] = (dataclasses.replace(c, language=None) for c in chunks("jobs/1", speech(hidden, 12.0), chunk_s=12.0))
    [parts] = recognise(engine, [chunk], "transcribe")
    texts = [
        [word.text for word in part.hypotheses[turn.language].words] for part, turn in zip(parts, turns, strict=True)
    ]
    assert texts == [["sv1", "sv2"], ["en3", "en26", "en27"]]


def test_only_chunks_with_a_turn_are_decoded_again() -> None:
    told = [dataclasses.replace(c, language=None) for c in chunks("jobs/1", speech(WORDS, 25.5))]
    engine = ScriptedEngine(context_s=30.0, detect=by_half, spell=spell, turns=True)
    heard = recognise(engine, told, "transcribe")
    assert [len(parts) for parts in heard] == [1, 1, 2, 1, 1, 1]
    assert engine.batches == [6, 2]


def test_turns_are_detected_once_and_only_if_requested() -> None:
    asked: list[bool] = []
    engine = ScriptedEngine(
        lambda batch: asked.extend(u.may_turn for u in batch), context_s=30.0, detect=by_half, turns=True
    )
    told = [dataclasses.replace(c, language=None) for c in chunks("jobs/1", speech(WORDS, 25.5))]
    recognise(engine, told, "transcribe")
    assert asked == [True] * 6 + [False] * 2
    asked.clear()
    assert [len(parts) for parts in recognise(engine, told, "transcribe", follow_turns=False)] == [1] * 6
    assert asked == [False] * 6


def test_only_the_first_part_of_a_chunk_gets_the_previous_text() -> None:
    told: list[Prompt] = []
    engine = ScriptedEngine(
        lambda batch: told.extend(u.prompt for u in batch),
        context_s=30.0,
        detect=by_half,
        turns=True,
        uses_prompts=True,
    )
    [chunk] = (
        dataclasses.replace(c, language=None, hot_words=("Umeå",))
        for c in chunks("jobs/1", speech(WORDS, 25.5), chunk_s=25.5)
    )
    recognise(engine, [chunk], "transcribe", lambda _: "Hej.")
    assert told == [Prompt(("Umeå",), "Hej."), Prompt(("Umeå",), "Hej."), Prompt(("Umeå",))]
