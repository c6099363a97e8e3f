"""Chunks that are heard at once: which they are, and what each of them is given back."""

from __future__ import annotations

import dataclasses
import itertools
import random

import numpy as np
import pytest

from tests.fakes import ScriptedEngine, chunks, speech
from tests.unit.transcriber.seams import JOB, SeamDriver, lost, outcome, word, words_of
from transcriber import grouping
from transcriber.engine import Hypothesis, Recognition
from transcriber.outcome import Outcome, Part, Reading
from transcriber.recognition import recognise
from wire.audio import SAMPLE_BYTES, samples
from wire.chunk import Chunk
from wire.messages import Word
from wire.queue import Delivery

PCM = speech([(1 + n, 0.3 * n, 0.3 * n + 0.2) for n in range(100)], 30.0)


def delivered(*given: Chunk) -> list[Delivery]:
    return [Delivery("stream", b"%d-0" % n, chunk) for n, chunk in enumerate(given)]


def seqs(groups: list[list[Delivery]]) -> list[list[int]]:
    return [[delivery.chunk.seq for delivery in group] for group in groups]


@pytest.mark.parametrize(
    ("context_s", "expected"),
    [
        (7.0, [[0], [1], [2], [3], [4], [5]]),
        (10.0, [[0, 1], [2], [3], [4], [5]]),  # all but the first have a second of lead
        (11.0, [[0, 1], [2, 3], [4, 5]]),
        (30.0, [[0, 1, 2, 3, 4, 5]]),
    ],
)
def test_as_many_are_heard_at_once_as_the_model_hears(context_s: float, expected: list[list[int]]) -> None:
    assert seqs(grouping.group_chunks(delivered(*chunks("jobs/1", PCM)), context_s)) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"language": "en"},
        {"task": "translate"},
        {"hot_words": ("Umeå",)},
        {"source": "jobs/2"},
        {"epoch": 2},
        {"skipped_samples": 100},
    ],
)
def test_what_does_not_go_on_where_the_one_before_ended_is_heard_by_itself(change: dict[str, object]) -> None:
    first, second, third = chunks("jobs/1", PCM)[:3]
    second = dataclasses.replace(second, **change)  # type: ignore[arg-type]
    third = dataclasses.replace(third, **{name: value for name, value in change.items() if name != "skipped_samples"})  # type: ignore[arg-type]
    assert seqs(grouping.group_chunks(delivered(first, second, third), 30.0)) == [[0], [1, 2]]


def test_one_that_is_not_whole_yet_is_heard_by_itself() -> None:
    first, second, third = chunks("jobs/1", PCM)[:3]
    second = dataclasses.replace(second, partial=True)
    assert seqs(grouping.group_chunks(delivered(first, second, third), 30.0)) == [[0], [1], [2]]


def test_a_chunk_that_is_missing_parts_a_run() -> None:
    first, _, third, fourth = chunks("jobs/1", PCM)[:4]
    assert seqs(grouping.group_chunks(delivered(first, third, fourth), 30.0)) == [[0], [2, 3]]


def test_as_one_they_have_all_of_their_audio_once() -> None:
    several = chunks("jobs/1", PCM)[2:5]
    whole = grouping.merge(several)
    assert whole.heard == PCM[samples(9.0) * SAMPLE_BYTES : samples(25.0) * SAMPLE_BYTES]
    assert (whole.begin_s, whole.start_s, whole.end_s) == (9.0, 10.0, 25.0)
    assert whole.tail_samples == several[-1].tail_samples
    assert grouping.merge(chunks("jobs/1", PCM)).last


def test_what_is_no_speech_at_the_beginning_stays_unheard() -> None:
    several = chunks("jobs/1", PCM)[2:4]
    several[0] = dataclasses.replace(several[0], skipped_samples=samples(2.0))
    whole = grouping.merge(several)
    assert (whole.begin_s, whole.heard) == (12.0, PCM[samples(12.0) * SAMPLE_BYTES : samples(20.0) * SAMPLE_BYTES])


def hypothesis(*words: Word, **values: object) -> Recognition:
    text = " ".join(each.text for each in words)
    return Recognition({"sv": Hypothesis(words, text, "sv", -0.1, tokens=len(words), **values)})  # type: ignore[arg-type]


def spoken(*stretches: tuple[float, float]) -> Chunk:
    """Five chunks as one, with noise in some stretches and next to nothing elsewhere."""
    rng = np.random.default_rng(1)
    audio = np.full(samples(25.0), 20.0)
    for start_s, end_s in stretches:
        audio[samples(start_s) : samples(end_s)] = 8000
    audio = (audio * rng.uniform(-1, 1, len(audio))).astype("<i2")
    return grouping.merge(chunks("jobs/1", audio.tobytes()))


def talk(*stretches: tuple[float, float]) -> list[Word]:
    """A word every half second, none of them twice."""
    begins_s = [float(at_s) for start, end in stretches for at_s in np.arange(start, end, 0.5)]
    return [word(f"w{at_s:g}", at_s, at_s + 0.4) for at_s in begins_s]


def test_a_window_is_trusted_whose_words_reach_over_all_that_sounds() -> None:
    assert grouping.is_reliable(spoken((1, 6), (12, 20)), [hypothesis(*talk((1, 6), (12, 20)))])


@pytest.mark.parametrize("heard", [[(1, 6)], [(12, 20)], [(1, 6), (12, 14), (16, 20)], []])
def test_a_window_that_leaves_out_what_sounds_is_not(heard: list[tuple[float, float]]) -> None:
    assert not grouping.is_reliable(spoken((1, 6), (12, 20)), [hypothesis(*talk(*heard))])


def test_a_word_that_is_taken_to_last_for_seconds_hides_nothing() -> None:
    heard = [*talk((1, 6), (12, 17)), word("counties.", 17, 20)]
    assert not grouping.is_reliable(spoken((1, 6), (12, 20)), [hypothesis(*heard)])


def test_a_window_that_is_not_believed_is_not_trusted() -> None:
    assert not grouping.is_reliable(spoken((1, 6)), [hypothesis(word("a", 1, 6), truncated=True)])


def test_every_word_is_given_to_the_chunk_in_which_its_middle_lies_and_to_one_whose_lead_has_it() -> None:
    several = chunks("jobs/1", PCM)[1:4]
    heard = [word("lead", 4.2, 4.8), word("a", 6), word("border", 9.8, 10.3), word("b", 12), word("c", 14.5, 14.9)]
    outcomes = apart(several, *heard)
    assert [[w.text for w in words_of(each)] for each in outcomes] == [["lead", "a"], ["border", "b", "c"], ["c"]]
    assert [[w.text for w in words_of(each.without_lead())] for each in outcomes[1:]] == [["border", "b", "c"], []]
    assert [each.seq for each in outcomes] == [1, 2, 3]
    assert {each.window for each in outcomes} == {"window"}
    assert {(each.lead_s, each.tail_s) for each in outcomes} == {(1.0, 1.0)}, "as if each had been heard alone"


def test_words_whose_times_are_off_keep_their_order_across_a_border() -> None:
    heard = [word("planerar", 9.2, 9.7), word("att", 9.75, 10.32), word("bygga", 9.75, 10.22), word("en", 10.27)]
    outcomes = apart(chunks("jobs/1", PCM)[:3], *heard)
    assert SeamDriver().feed(*outcomes, outcome(3, last=True)).words == ["planerar", "att", "bygga", "en"]


def test_one_by_itself_is_as_it_always_was() -> None:
    [only] = apart(chunks("jobs/1", PCM)[1:2], word("a", 6))
    assert (only.lead_s, only.tail_s, only.window) == (1.0, 1.0, "")


def test_the_same_word_on_both_sides_of_a_border_is_said_twice_by_who_heard_both() -> None:
    said = [
        outcome(0, [word("nej,", 4.6, 4.9)], window="0-1"),
        outcome(1, [word("nej,", 4.6, 4.9), word("nej,", 5.05, 5.4), word("inte", 6.0)], window="0-1"),
    ]
    assert SeamDriver().feed(*said, outcome(2, last=True)).words == ["nej,", "nej,", "inte"]


def test_who_comes_between_two_that_were_heard_at_once_changes_nothing_behind_it() -> None:
    """The second was taken over by another worker, which heard it alone, and was faster."""
    both = [
        outcome(0, [word("Ett", 4.1, 4.4), word("två", 4.7, 5.2)], window="0-1"),
        outcome(1, [word("Ett", 4.1, 4.4), word("två", 4.7, 5.2), word("tre", 6.0)], window="0-1"),
    ]
    alone = outcome(1, [word("två", 4.8, 5.2), word("tre", 6.0)])
    for order in ([alone, *both], [both[0], alone, both[1]]):
        assert SeamDriver().feed(*order, outcome(2, last=True)).words == ["Ett", "två", "tre"]


def test_any_cut_of_one_hearing_comes_out_as_it_was_heard() -> None:
    rng = random.Random(1)
    for _ in range(50):
        at_s, heard = 0.1, []
        while at_s < 29:
            heard.append(word(rng.choice(["ja", "nej", "och"]), at_s, end_s := at_s + rng.uniform(0.1, 0.6)))
            at_s = end_s + rng.choice([0.0, 0.05, 0.3])
        assert SeamDriver().feed(*apart(chunks("jobs/1", PCM), *heard)).words == [each.text for each in heard]


@pytest.mark.parametrize("lead_s", [1.0, 2.0])
def test_whoever_heard_a_chunk_together_with_whatever_others_no_word_is_lost_or_comes_twice(lead_s: float) -> None:
    """Of a worker that was slow another takes chunks over; a recording that is decoded anew has some of them twice."""
    rng = random.Random(1)
    for _ in range(60):
        spoken, at_s = [], 0.1
        while at_s < 29.3:
            spoken.append((len(spoken) + 1, at_s, end_s := at_s + rng.uniform(0.15, 0.6)))
            at_s = end_s + rng.choice([0.01, 0.1, 0.4])
        several = chunks("jobs/1", speech(spoken, 30.0), lead_s=lead_s)
        hearings = [heard_by_some(several, f"worker {n}", rng) for n in range(3)]
        outcomes = [hearing[n] for n in range(6) for hearing in rng.sample(hearings, rng.randint(1, 3))]
        assert SeamDriver(JOB).feed(*outcomes).words == [f"w{number}" for number, _, _ in spoken]


def test_behind_a_chunk_that_was_lost_the_words_in_the_lead_count() -> None:
    first, _, third = apart(chunks("jobs/1", PCM)[:3], word("a", 3), word("b", 6), word("c", 9.8, 10.1), word("d", 12))
    assert SeamDriver().feed(first, lost(1), third, outcome(3, last=True)).words == ["a", "c", "d"]


def test_where_the_language_turns_in_a_window_it_is_no_matter_of_votes_in_any_of_its_chunks() -> None:
    parts = []
    for code, begin_s, end_s in (("sv", 0, 20), ("en", 20, 30)):
        starts_s = [begin_s + 0.5 * n for n in range(2 * (end_s - begin_s))]
        # Neither is out of the question, so that all of it was heard in both.
        words = {c: [Word(f"{c}{at_s}", at_s, at_s + 0.4, 0.9) for at_s in starts_s] for c in ("en", "sv")}
        heard = {c: Reading(tuple(words[c]), c) for c in sorted(words, key=lambda c: c != code)}
        parts.append(Part(heard, {c: 0.9 if c == code else 0.1 for c in heard}))
    outcomes = grouping.split(chunks("jobs/1", PCM), parts, "model", "window")
    expected = [each.text for part in parts for each in part.likeliest.words]
    assert SeamDriver(JOB).feed(*outcomes).words == expected


def heard_by_some(several: list[Chunk], worker: str, rng: random.Random) -> list[Outcome]:
    """What a worker hears of chunks, in windows of any length."""
    edges = [0, *sorted(rng.sample(range(1, 6), rng.randint(0, 5))), 6]
    outcomes: list[Outcome] = []
    for begin, end in itertools.pairwise(edges):
        group = several[begin:end]
        [[heard]] = recognise(ScriptedEngine(context_s=30.0), [grouping.merge(group)], "transcribe")
        outcomes += apart(group, *heard.likeliest.words, window=f"{worker}, {begin}")
    return outcomes


def apart(group: list[Chunk], *heard: Word, window: str = "window") -> list[Outcome]:
    return grouping.split(group, [Part({"sv": Reading(heard, "sv")}, {"sv": 1.0})], "model", window)
