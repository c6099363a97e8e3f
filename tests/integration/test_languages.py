"""Programmes whose language is not given: followed where it turns, and steady where it does not."""

from __future__ import annotations

import dataclasses
import itertools
import random

import numpy as np
import pytest
from numpy.typing import NDArray

from demo.bulletins import Language, bulletin
from demo.voices import SAMPLE_RATE, Voice, draw_voice, speak
from tests.fakes import ScriptedEngine, Spoken, chunks, speech
from tests.integration.bench import Bench, cut, drain_at_once, put, shown
from tests.places import ROOT
from transcriber.whisper.model import load
from transcriber.whisper.transformers_engine import TransformersEngine
from wire.bus import Redis
from wire.captions import CaptionLog
from wire.messages import Caption, Kind, State, Status
from wire.sources import Statuses

pytestmark = pytest.mark.usefixtures("one_thread")

#: How soon after its turn a programme must be followed.
FOLLOWED_S = 15.0


@pytest.fixture(scope="module")
def bundled() -> TransformersEngine:
    return TransformersEngine(load(str(ROOT / "demo" / "model"), device="cpu"))


def programme(*parts: tuple[str, Voice], pause_s: float = 0.4) -> tuple[NDArray[np.int16], list[float]]:
    """Sentences by their readers, with pauses between them; and where each begins, in seconds."""
    audio, begins_s, at = [np.zeros(SAMPLE_RATE // 2, np.int16)], [], SAMPLE_RATE // 2
    for text, voice in parts:
        begins_s.append(at / SAMPLE_RATE)
        # espeak-ng speaks near full scale; a studio does not.
        audio += [(speak(text, voice).audio * 0.5).astype(np.int16), np.zeros(round(pause_s * SAMPLE_RATE), np.int16)]
        at += len(audio[-1]) + len(audio[-2])
    return np.concatenate(audio), begins_s


def read_by(language: Language, rng: random.Random, sentences: int) -> list[tuple[str, Voice]]:
    reader = draw_voice(language, rng, "held-out")
    return [(text, reader) for text in bulletin(language, rng, "held-out", sentences)]


def captioned(redis: Redis, engine: TransformersEngine, audio: NDArray[np.int16]) -> list[Caption]:
    put(redis, *cut("jobs/1", audio.astype("<i2").tobytes()))
    Bench(redis, engine).drain()
    return [caption for caption in shown(redis, "jobs/1") if caption.text]


@pytest.mark.parametrize(("before", "after"), [("sv", "en"), ("en", "sv")])
def test_a_programme_that_turns_is_followed(
    redis: Redis, bundled: TransformersEngine, before: Language, after: Language
) -> None:
    rng = random.Random(f"{before} to {after}")
    first, second = read_by(before, rng, 6), read_by(after, rng, 8)
    audio, begins_s = programme(*first, *second)
    turn_s = begins_s[len(first)]
    captions = captioned(redis, bundled, audio)
    assert {c.language for c in captions if c.end_s < turn_s} == {before}
    late = [c for c in captions if c.start_s > turn_s + FOLLOWED_S]
    assert late
    assert {c.language for c in late} == {after}
    said = " ".join(text for text, _ in second)
    heard = [word.text for caption in late for word in caption.words]
    assert sum(word in said for word in heard) > 0.8 * len(heard), "the words are of that language, too"


@pytest.mark.parametrize("bit", ["Oxford.", "Manchester United.", "Okay."])
@pytest.mark.parametrize(("pause_s", "seed"), [(0.4, 1), (0.4, 27), (3.0, 1), (3.0, 27)])
def test_a_programme_does_not_turn_for_a_few_words(
    redis: Redis, bundled: TransformersEngine, bit: str, pause_s: float, seed: int
) -> None:
    """Between other sentences, and so far from them that a chunk may hold nothing else."""
    rng = random.Random(seed)
    swedish, stranger = read_by("sv", rng, 10), draw_voice("en", rng, "held-out")
    audio, _ = programme(*swedish[:5], (bit, stranger), *swedish[5:], pause_s=pause_s)
    assert len(speak(bit, stranger).audio) < 2.0 * SAMPLE_RATE
    captions = captioned(redis, bundled, audio)
    assert len(captions) >= 5
    assert {caption.language for caption in captions} == {"sv"}


def test_a_short_sentence_is_in_its_own_language_and_so_is_what_follows(
    redis: Redis, bundled: TransformersEngine
) -> None:
    rng = random.Random(2)
    swedish, stranger = read_by("sv", rng, 10), draw_voice("en", rng, "held-out")
    audio, _ = programme(*swedish[:5], ("That was the news from Oxford.", stranger), *swedish[5:], pause_s=0.4)
    captions = captioned(redis, bundled, audio)
    assert [c.text for c in captions if c.language == "en"] == ["That was the news from Oxford."]
    assert len([c for c in captions if c.language == "sv"]) >= 5


@pytest.mark.parametrize("told", ["sv", "en"])
def test_a_language_that_was_told_wrongly_is_contradicted(
    redis: Redis, bundled: TransformersEngine, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    audio, _ = programme(*read_by("sv", random.Random(3), 8))
    for source in ("jobs/1", "microphones/1"):
        put(redis, *cut(source, audio.astype("<i2").tobytes(), told))
    Bench(redis, bundled).drain()
    statuses, log = Statuses(redis), CaptionLog(redis)
    statuses.save(Status("microphones/1", State.RUNNING))
    why = "" if told == "sv" else "sounds like sv, but is set to en: correct the language, or leave it out"
    assert statuses.get(Kind.MICROPHONE, "1").detail == why
    assert log.progress("jobs/1").sounded_like == ("sv" if why else "")
    assert [r.message for r in caplog.records if "sounds" in r.message] == ([f"microphones/1 {why}"] if why else [])


# --- however many workers ------------------------------------------------------------------------------


#: Two minutes of words, of which the 100th to the 170th are English.
SPOKEN: list[Spoken] = [(n + 1, 0.05 + 0.52 * n, 0.05 + 0.52 * n + 0.25 + 0.05 * (n % 5)) for n in range(230)]


def doubtful(numbers: set[int]) -> dict[str, float]:
    """A model that is never sure, and now and then wrong."""
    english = sum(100 <= number < 170 for number in numbers) / max(1, len(numbers))
    english = 0.15 + 0.7 * english
    if min(numbers, default=0) % 7 == 3:
        english = 1 - english
    return {"en": english, "sv": 1 - english}


def spell(language: str, number: int) -> str:
    return f"{language}{number}" + ("." if number % 9 == 0 else "")


def test_two_workers_agree_with_one_on_the_language(redis: Redis, redis_url: str) -> None:
    parts = [dataclasses.replace(chunk, language=None) for chunk in chunks("jobs/1", speech(SPOKEN, 120.0))]
    put(redis, *parts)
    engine = ScriptedEngine(detect=doubtful, spell=spell)
    Bench(redis, engine).drain()
    random.Random(5).shuffle(parts)
    put(redis, *(dataclasses.replace(chunk, source="jobs/2") for chunk in parts))
    drain_at_once(redis_url, engine, 2)
    one, two = ([(c.id, c.start_s, c.text, c.language) for c in shown(redis, f"jobs/{n}")] for n in (1, 2))
    assert one == two
    turns = [language for language, _ in itertools.groupby(language for *_, language in one)]
    assert turns == ["sv", "en", "sv"]
