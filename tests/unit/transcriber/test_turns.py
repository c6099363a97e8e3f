"""Where the language of an utterance turns: parts between pauses, and the cheapest path through their languages."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from demo.bulletins import Language
from demo.voices import Voice, speak
from tests.fakes import chunks
from transcriber.engine import Utterance
from transcriber.model import load
from transcriber.recognition import recognise
from transcriber.transformers_engine import TransformersEngine
from transcriber.turns import HINT_COST, TURN_COST, parts, turns

RATE_HZ = 16_000


def said(*seconds: float, level: float = 0.1, floor: float = 0.0) -> NDArray[np.float32]:
    """Sound and silence in turn."""
    rng = np.random.default_rng(1)
    scales = itertools.cycle((level, floor))
    audio = [
        rng.normal(0, scale, round(RATE_HZ * s)) if scale else np.zeros(round(RATE_HZ * s))
        for s, scale in zip(seconds, scales, strict=False)
    ]
    return np.concatenate(audio).astype(np.float32)


@pytest.mark.parametrize("floor", [0.0, 0.02])
def test_parts_meet_in_the_pauses(floor: float) -> None:
    """Digital silence, or noise 14 dB below the speech."""
    first, second = parts(said(2.0, 0.5, 1.0, 0.4, 2.1, floor=floor))[:-1]
    assert first[0] == 0
    assert 2.0 * RATE_HZ < first[1] < 2.5 * RATE_HZ
    assert 3.5 * RATE_HZ < second[1] < 3.9 * RATE_HZ


@pytest.mark.parametrize(
    "audio",
    [said(5.0), said(2.0, 0.15, 2.0), said(2.0, 0.5, 2.0, floor=0.05), np.zeros(100, np.float32), said(0.2)],
    ids=["no pause", "a short one", "noise 6 dB below", "next to nothing", "shorter than a pause"],
)
def test_without_a_pause_there_is_one_part(audio: NDArray[np.float32]) -> None:
    assert parts(audio) == [(0, len(audio))]


@given(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=9))
def test_parts_cover_everything(seconds: list[float]) -> None:
    audio = said(*seconds)
    found = parts(audio)
    assert (found[0][0], found[-1][1]) == (0, len(audio))
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert all(begin < end for begin, end in found)


def spans(*seconds: float) -> list[tuple[int, int]]:
    edges = [0, *itertools.accumulate(round(s * RATE_HZ) for s in seconds)]
    return list(itertools.pairwise(edges))


def english(*shares: float) -> list[dict[str, float]]:
    return [{"sv": 1 - share, "en": share} for share in shares]


def test_a_turn_is_where_another_language_begins() -> None:
    cut = spans(1.5, 1.0, 2.0)
    assert turns(cut, english(0.0, 1.0, 0.98), TURN_COST) == [cut[1][0]]
    assert turns(cut, english(0.0, 0.1, 1.0), TURN_COST) == [cut[2][0]]
    assert turns(cut, english(0.0, 1.0, 0.0), TURN_COST) == []  # two turns cost more than one part can gain
    assert turns(spans(1, 1, 1, 1), english(0, 1, 1, 0), TURN_COST) == [RATE_HZ, 3 * RATE_HZ]


def test_doubt_turns_nothing_but_may_hint_at_a_turn() -> None:
    cut = spans(1.5, 2.0)
    assert turns(cut, english(0.1, 0.8), TURN_COST) == []
    assert turns(cut, english(0.1, 0.8), HINT_COST) == [cut[1][0]]
    assert turns(cut, english(0.1, 0.2), HINT_COST) == []


def test_a_bit_of_sound_counts_little() -> None:
    assert turns(spans(3.0, 0.2), english(0.0, 1.0), TURN_COST) == []
    assert turns(spans(3.0, 0.5), english(0.0, 1.0), TURN_COST) == []
    assert turns(spans(3.0, 0.7), english(0.0, 1.0), TURN_COST) == [3 * RATE_HZ]


def test_one_part_never_turns() -> None:
    assert turns(spans(3.0), english(0.5), HINT_COST) == []


@given(st.lists(st.tuples(st.floats(0.05, 4.0), st.floats(0.0, 1.0)), min_size=1, max_size=6))
def test_the_path_is_the_cheapest_of_all(parts_: list[tuple[float, float]]) -> None:
    """Against every path there is, at the least certainty and the weights that the module gives."""
    cut, likely = spans(*(s for s, _ in parts_)), english(*(p for _, p in parts_))

    def price(path: tuple[str, ...]) -> float:
        weights = [min(1.0, (end - begin) / RATE_HZ / 1.0) for begin, end in cut]
        said_wrong = sum(-w * np.log(max(0.01, p[code])) for w, p, code in zip(weights, likely, path, strict=True))
        return float(said_wrong) + TURN_COST * sum(a != b for a, b in itertools.pairwise(path))

    best = min(price(path) for path in itertools.product(("en", "sv"), repeat=len(cut)))
    borders = [begin for begin, _ in cut]
    found = [n for n, begin in enumerate(borders) if begin in turns(cut, likely, TURN_COST) and n]
    segment = [sum(n >= border for border in found) for n in range(len(cut))]
    by_first = [tuple(("en", "sv")[(s + first) % 2] for s in segment) for first in (0, 1)]
    assert min(map(price, by_first)) == pytest.approx(best, abs=1e-9)


# --- in a model ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> TransformersEngine:
    return TransformersEngine(load("demo/model", device="cpu"))


def spoken(*sentences: tuple[Language, str]) -> tuple[NDArray[np.float32], list[float]]:
    """Sentences with half a second behind each, and when each one ends, in seconds."""
    audio: list[NDArray[np.float32]] = []
    ends_s = []
    for language, text in sentences:
        speech = speak(text, Voice(f"{language}+m3", language, 50, 170)).audio.astype(np.float32) / 32768
        ends_s.append((sum(map(len, audio)) + len(speech)) / RATE_HZ)
        audio += [speech, np.zeros(RATE_HZ // 2, np.float32)]
    return np.concatenate(audio), ends_s


SV: tuple[Language, str] = ("sv", "Det var nyheterna från Gävle.")
EN: tuple[Language, str] = ("en", "Good morning, you are listening to the news.")


def test_a_model_tells_where_the_language_turns_whatever_else_is_in_the_batch(engine: TransformersEngine) -> None:
    mixed, (end_s, _) = spoken(SV, EN)
    plain, _ = spoken(SV, SV)
    batch = [Utterance(plain), Utterance(mixed), Utterance(mixed, "sv"), Utterance(mixed[:RATE_HZ])]
    together = engine.transcribe(batch)
    [turn_s] = together[1].turns_s
    assert end_s - 0.1 <= turn_s <= end_s + 0.6
    assert [heard.turns_s for heard in together] == [(), (turn_s,), (), ()]
    [alone] = engine.transcribe([Utterance(mixed)])
    assert alone.turns_s == (turn_s,)


def test_each_sentence_is_written_in_its_own_language(engine: TransformersEngine) -> None:
    mixed, _ = spoken(SV, EN)
    pcm = np.round(mixed * 32767).astype("<i2").tobytes()
    [chunk] = (replace(c, language=None) for c in chunks("jobs/1", pcm, chunk_s=7.0))
    [parts] = recognise(engine, [chunk], "transcribe")
    assert [part.likeliest.language for part in parts] == ["sv", "en"]
    assert [part.likeliest.text for part in parts] == [SV[1], EN[1]]
