"""Turns of language in an utterance: parts between pauses, and the cheapest path through their languages."""

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
from transcriber import turns as language_turns
from transcriber.engine import Utterance
from transcriber.language import DOUBT
from transcriber.recognition import recognise
from transcriber.turns import HINT_COST, TURN_COST, Span, reweighted, split_at_pauses
from transcriber.whisper.model import load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine

RATE_HZ = 16_000


def said(*seconds: float, level: float = 0.1, floor: float = 0.0) -> NDArray[np.float32]:
    """Alternating sound and silence."""
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
    first, second, _ = split_at_pauses(said(2.0, 0.5, 1.0, 0.4, 2.1, floor=floor))
    assert first.begin == 0
    assert 2.0 * RATE_HZ < first.end < 2.5 * RATE_HZ
    assert 3.5 * RATE_HZ < second.end < 3.9 * RATE_HZ


@pytest.mark.parametrize("floor", [0.0316, 0.032, 0.031])
def test_noise_at_the_pause_threshold_does_not_split_a_pause(floor: float) -> None:
    assert all(
        span.end - span.begin >= 0.15 * RATE_HZ for span in split_at_pauses(said(2.0, 0.6, 2.0, 0.5, 1.5, floor=floor))
    )


def test_silence_has_no_sound() -> None:
    speech, silence = split_at_pauses(said(2.0, 3.0))
    assert speech.sound == pytest.approx(2.0 * RATE_HZ, abs=0.05 * RATE_HZ)
    assert silence.sound == 0


@pytest.mark.parametrize(
    "audio",
    [said(5.0), said(2.0, 0.15, 2.0), said(2.0, 0.5, 2.0, floor=0.05), np.zeros(100, np.float32), said(0.2)],
    ids=["no pause", "a short one", "noise 6 dB below", "next to nothing", "shorter than a pause"],
)
def test_without_a_pause_there_is_one_part(audio: NDArray[np.float32]) -> None:
    [span] = split_at_pauses(audio)
    assert (span.begin, span.end) == (0, len(audio))


@given(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=9))
def test_parts_cover_everything(seconds: list[float]) -> None:
    audio = said(*seconds)
    found = split_at_pauses(audio)
    assert (found[0].begin, found[-1].end) == (0, len(audio))
    assert all(a.end == b.begin for a, b in itertools.pairwise(found))
    assert all(begin < end and 0 <= sound <= end - begin for begin, end, sound in found)


def turns(cut: list[Span], likely: list[dict[str, float]], cost: float) -> list[int]:
    """Where the cheapest path through the languages turns."""
    return [
        begin for begin, _ in language_turns.find_turns(cut, language_turns.likeliest_languages(cut, likely, cost))
    ][1:]


def spans(*seconds: float) -> list[Span]:
    edges = [0, *itertools.accumulate(round(s * RATE_HZ) for s in seconds)]
    return [Span(begin, end, end - begin) for begin, end in itertools.pairwise(edges)]


def english(*shares: float) -> list[dict[str, float]]:
    return [{"sv": 1 - share, "en": share} for share in shares]


def test_a_turn_is_where_another_language_begins() -> None:
    cut = spans(1.5, 1.0, 2.0)
    assert turns(cut, english(0.0, 1.0, 0.98), TURN_COST) == [cut[1].begin]
    assert turns(cut, english(0.0, 0.1, 1.0), TURN_COST) == [cut[2].begin]
    assert turns(cut, english(0.0, 1.0, 0.0), TURN_COST) == [cut[1].begin, cut[2].begin]
    assert turns(spans(1.5, 0.7, 2.0), english(0.0, 1.0, 0.0), TURN_COST) == []  # less than two turns cost
    assert turns(spans(1, 1, 1, 1), english(0, 1, 1, 0), TURN_COST) == [RATE_HZ, 3 * RATE_HZ]


def test_doubtful_part_is_no_turn_but_may_be_a_hint() -> None:
    cut = spans(1.5, 2.0)
    assert turns(cut, english(0.1, 0.7), TURN_COST) == []
    assert turns(cut, english(0.1, 0.7), HINT_COST) == [cut[1].begin]
    assert turns(cut, english(0.1, 0.2), HINT_COST) == []


def test_short_sound_has_little_weight() -> None:
    assert turns(spans(3.0, 0.2), english(0.0, 1.0), TURN_COST) == []
    assert turns(spans(3.0, 0.3), english(0.0, 1.0), TURN_COST) == []
    assert turns(spans(3.0, 0.5), english(0.0, 1.0), TURN_COST) == [3 * RATE_HZ]


def test_silence_is_never_a_turn() -> None:
    silence = [Span(0, 3 * RATE_HZ, 3 * RATE_HZ), Span(3 * RATE_HZ, 6 * RATE_HZ, 0)]
    assert turns(silence, english(0.0, 1.0), HINT_COST) == []


def test_implausible_language_is_ignored() -> None:
    """Of a hundred languages, some are likely in a short part by chance."""
    likely = [{"sv": 1.0}, {"sv": 0.95, "en": 0.05}, {"sv": 1.0}, {"sv": 0.98, "no": 0.02}, {"sv": 0.02, "no": 0.98}]
    cut = spans(3.0, 3.0, 3.0, 3.0, 0.1)
    assert turns(cut, likely, 0.0) == []
    assert turns(spans(3.0, 3.0, 3.0, 3.0, 1.0), likely, TURN_COST) == [12 * RATE_HZ]
    three = [{"sv": 0.99, "no": 0.01}, {"en": 0.99, "no": 0.01}, {"no": 0.9, "sv": 0.1}]
    assert turns(spans(1.0, 2.0, 2.0), three, TURN_COST) == [RATE_HZ, 3 * RATE_HZ]


def test_single_part_has_no_turn() -> None:
    assert turns(spans(3.0), english(0.5), HINT_COST) == []


def test_text_decides_the_language_of_a_short_part() -> None:
    """Of "Good evening," alone, which sounds Swedish: the figures are the bundled model's."""
    likely = {"sv": 0.65, "en": 0.35}
    found = reweighted(likely, {"sv": [-0.5, -0.6, -0.2], "en": [-0.1, -0.1, -0.1]})
    assert found["en"] > found["sv"]
    assert sum(found.values()) == pytest.approx(1.0)


def test_length_of_a_text_is_not_evidence_of_its_language() -> None:
    likely = {"sv": 0.9, "en": 0.1}
    assert reweighted(likely, {"sv": [-0.25] * 13, "en": [-0.25] * 3})["sv"] == pytest.approx(0.9)


def test_sentence_at_the_end_of_a_long_utterance_is_a_turn() -> None:
    cut = spans(*[2.0] * 12, 1.0)
    assert turns(cut, english(*[0.0] * 12, 1.0), TURN_COST) == [24 * RATE_HZ]


def test_empty_text_is_unlikely_unless_all_are_empty() -> None:
    likely = {"sv": 0.9, "en": 0.1}
    assert reweighted(likely, {"sv": [-0.5], "en": [-0.4, -0.2, -0.1]})["en"] > 0.9
    assert reweighted(likely, {"sv": [-0.01], "en": [-0.01]}) == pytest.approx(likely)
    assert reweighted({}, {"sv": [-900.0, -1.0], "en": [-900.0, -1.0]}) == {}


def weights(cut: list[Span]) -> list[float]:
    return [min(2.0, span.sound / RATE_HZ) for span in cut]


def shares(cut: list[Span], likely: list[dict[str, float]], code: str) -> float:
    return sum(w * p[code] for w, p in zip(weights(cut), likely, strict=True)) / sum(weights(cut))


@given(st.lists(st.tuples(st.floats(0.05, 4.0), st.floats(0.0, 1.0)), min_size=1, max_size=6))
def test_the_path_is_the_cheapest_of_all(parts_: list[tuple[float, float]]) -> None:
    """Compared with all paths, with the module's minimum probability and weights."""
    cut, likely = spans(*(s for s, _ in parts_)), english(*(p for _, p in parts_))

    codes = [code for code in ("en", "sv") if shares(cut, likely, code) >= DOUBT]

    def price(path: tuple[str, ...]) -> float:
        said_wrong = sum(
            -w * np.log(max(0.001, p[code])) for w, p, code in zip(weights(cut), likely, path, strict=True)
        )
        return float(said_wrong) + TURN_COST * sum(a != b for a, b in itertools.pairwise(path))

    best = min(price(path) for path in itertools.product(codes, repeat=len(cut)))
    borders = [span.begin for span in cut]
    found = [n for n, begin in enumerate(borders) if begin in turns(cut, likely, TURN_COST) and n]
    segment = [sum(n >= border for border in found) for n in range(len(cut))]
    by_first = [tuple(codes[(s + first) % len(codes)] for s in segment) for first in (0, 1)]
    assert min(map(price, by_first)) == pytest.approx(best, abs=1e-9)


# --- in a model ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> TransformersEngine:
    return TransformersEngine(load("demo/model", device="cpu"))


def spoken(*sentences: tuple[Language, str], pause_s: float = 0.5) -> tuple[NDArray[np.float32], list[float]]:
    """Sentences with a pause after each, and the end of each one, in seconds."""
    audio: list[NDArray[np.float32]] = []
    ends_s = []
    for language, text in sentences:
        speech = speak(text, Voice(f"{language}+m3", language, 50, 170)).audio.astype(np.float32) / 32768
        ends_s.append((sum(map(len, audio)) + len(speech)) / RATE_HZ)
        audio += [speech, np.zeros(round(pause_s * RATE_HZ), np.float32)]
    return np.concatenate(audio), ends_s


def pcm(audio: NDArray[np.float32]) -> bytes:
    return np.round(audio * 32767).astype("<i2").tobytes()


SV: tuple[Language, str] = ("sv", "Det var nyheterna från Gävle.")
EN: tuple[Language, str] = ("en", "Good morning, you are listening to the news.")


def test_turns_do_not_depend_on_the_batch(engine: TransformersEngine) -> None:
    mixed, (end_s, _) = spoken(SV, EN)
    plain, _ = spoken(SV, SV)
    batch = [Utterance(plain), Utterance(mixed), Utterance(mixed, "sv"), Utterance(mixed[:RATE_HZ])]
    together = engine.transcribe(batch)
    [first, second] = together[1].turns
    assert end_s - 0.1 <= second.start_s <= end_s + 0.6
    assert (first.language, second.language) == ("sv", "en")
    assert [heard.turns for heard in together] == [(), (first, second), (), ()]
    [alone] = engine.transcribe([Utterance(mixed)])
    assert alone.turns == (first, second)


def test_each_sentence_is_written_in_its_own_language(engine: TransformersEngine) -> None:
    mixed, _ = spoken(SV, EN)
    [chunk] = (replace(c, language=None) for c in chunks("jobs/1", pcm(mixed), chunk_s=7.0))
    [parts] = recognise(engine, [chunk], "transcribe")
    assert [part.likeliest.language for part in parts] == ["sv", "en"]
    assert [part.likeliest.text for part in parts] == [SV[1], EN[1]]


def test_one_sentence_between_two_of_another_language_is_in_its_own(engine: TransformersEngine) -> None:
    mixed, _ = spoken(("en", "Rain is expected in the north."), SV, ("en", "Trains are late."), pause_s=0.4)
    [chunk] = (replace(c, language=None) for c in chunks("jobs/1", pcm(mixed), chunk_s=7.0))
    [found] = recognise(engine, [chunk], "transcribe")
    assert [part.likeliest.language for part in found] == ["en", "sv", "en"]
    assert found[1].likeliest.text == SV[1]


def test_greeting_belongs_to_the_language_that_follows(engine: TransformersEngine) -> None:
    """By its sound alone, the bundled model takes "Good evening," for Swedish."""
    mixed, (end_s, greeted_s, _) = spoken(SV, ("en", "Good evening,"), ("en", "this is the news."), pause_s=0.4)
    [heard] = engine.transcribe([Utterance(mixed)])
    [_, turn] = heard.turns
    assert end_s < turn.start_s < greeted_s


def test_a_turn_is_found_whether_or_not_doubtful_text_is_tried_again(engine: TransformersEngine) -> None:
    mixed, _ = spoken(SV, EN)
    greedy = TransformersEngine(load("demo/model", device="cpu"), second_try=SecondTry(beams=1))
    found, expected = (one.transcribe([Utterance(mixed)])[0].turns for one in (greedy, engine))
    assert found == expected != ()
