"""Chunks that are decoded together: how they are grouped, and how words are distributed to them."""

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
def test_groups_fill_the_context(context_s: float, expected: list[list[int]]) -> None:
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
def test_chunk_that_does_not_continue_the_previous_one_begins_a_group(change: dict[str, object]) -> None:
    first, second, third = chunks("jobs/1", PCM)[:3]
    second = dataclasses.replace(second, **change)  # type: ignore[arg-type]
    third = dataclasses.replace(third, **{name: value for name, value in change.items() if name != "skipped_samples"})  # type: ignore[arg-type]
    assert seqs(grouping.group_chunks(delivered(first, second, third), 30.0)) == [[0], [1, 2]]


def test_partial_chunk_is_not_grouped() -> None:
    first, second, third = chunks("jobs/1", PCM)[:3]
    second = dataclasses.replace(second, partial=True)
    assert seqs(grouping.group_chunks(delivered(first, second, third), 30.0)) == [[0], [1], [2]]


def test_missing_chunk_splits_a_group() -> None:
    first, _, third, fourth = chunks("jobs/1", PCM)[:4]
    assert seqs(grouping.group_chunks(delivered(first, third, fourth), 30.0)) == [[0], [2, 3]]


def test_merged_chunk_has_all_audio_once() -> None:
    several = chunks("jobs/1", PCM)[2:5]
    whole = grouping.merge(several)
    assert whole.transcribed_pcm == PCM[samples(9.0) * SAMPLE_BYTES : samples(25.0) * SAMPLE_BYTES]
    assert (whole.transcribed_from_s, whole.start_s, whole.end_s) == (9.0, 10.0, 25.0)
    assert whole.tail_samples == several[-1].tail_samples
    assert grouping.merge(chunks("jobs/1", PCM)).last


def test_skipped_audio_at_the_beginning_stays_skipped() -> None:
    several = chunks("jobs/1", PCM)[2:4]
    several[0] = dataclasses.replace(several[0], skipped_samples=samples(2.0))
    whole = grouping.merge(several)
    assert whole.transcribed_from_s == 12.0
    assert whole.transcribed_pcm == PCM[samples(12.0) * SAMPLE_BYTES : samples(20.0) * SAMPLE_BYTES]


def hypothesis(*words: Word, **values: object) -> Recognition:
    text = " ".join(each.text for each in words)
    return Recognition({"sv": Hypothesis(words, text, "sv", -0.1, tokens=len(words), **values)})  # type: ignore[arg-type]


def spoken(*stretches: tuple[float, float]) -> Chunk:
    """Five merged chunks, with noise in some stretches and near silence elsewhere."""
    rng = np.random.default_rng(1)
    audio = np.full(samples(25.0), 20.0)
    for start_s, end_s in stretches:
        audio[samples(start_s) : samples(end_s)] = 8000
    audio = (audio * rng.uniform(-1, 1, len(audio))).astype("<i2")
    return grouping.merge(chunks("jobs/1", audio.tobytes()))


def talk(*stretches: tuple[float, float]) -> list[Word]:
    """A word every half second, all of them different."""
    begins_s = [float(at_s) for start, end in stretches for at_s in np.arange(start, end, 0.5)]
    return [word(f"w{at_s:g}", at_s, at_s + 0.4) for at_s in begins_s]


def test_window_whose_words_cover_all_sound_is_reliable() -> None:
    assert grouping.is_reliable(spoken((1, 6), (12, 20)), [hypothesis(*talk((1, 6), (12, 20)))])


@pytest.mark.parametrize("heard", [[(1, 6)], [(12, 20)], [(1, 6), (12, 14), (16, 20)], []])
def test_window_with_uncovered_sound_is_unreliable(heard: list[tuple[float, float]]) -> None:
    assert not grouping.is_reliable(spoken((1, 6), (12, 20)), [hypothesis(*talk(*heard))])


def test_overlong_word_does_not_cover_sound() -> None:
    heard = [*talk((1, 6), (12, 17)), word("counties.", 17, 20)]
    assert not grouping.is_reliable(spoken((1, 6), (12, 20)), [hypothesis(*heard)])


def test_window_with_rejected_text_is_unreliable() -> None:
    assert not grouping.is_reliable(spoken((1, 6)), [hypothesis(word("a", 1, 6), truncated=True)])


def test_word_is_assigned_by_its_middle_to_a_chunk_and_to_the_lead_of_the_next() -> None:
    several = chunks("jobs/1", PCM)[1:4]
    heard = [word("lead", 4.2, 4.8), word("a", 6), word("border", 9.8, 10.3), word("b", 12), word("c", 14.5, 14.9)]
    outcomes = apart(several, *heard)
    assert [[w.text for w in words_of(each)] for each in outcomes] == [["lead", "a"], ["border", "b", "c"], ["c"]]
    assert [[w.text for w in words_of(each.without_lead())] for each in outcomes[1:]] == [["border", "b", "c"], []]
    assert [each.seq for each in outcomes] == [1, 2, 3]
    assert {each.window for each in outcomes} == {"window"}
    assert {(each.lead_s, each.tail_s) for each in outcomes} == {(1.0, 1.0)}, "as if each had been decoded alone"


def test_words_with_wrong_times_keep_their_order_across_a_border() -> None:
    heard = [word("planerar", 9.2, 9.7), word("att", 9.75, 10.32), word("bygga", 9.75, 10.22), word("en", 10.27)]
    outcomes = apart(chunks("jobs/1", PCM)[:3], *heard)
    assert SeamDriver().feed(*outcomes, outcome(3, last=True)).words == ["planerar", "att", "bygga", "en"]


def test_single_chunk_is_unchanged() -> None:
    [only] = apart(chunks("jobs/1", PCM)[1:2], word("a", 6))
    assert (only.lead_s, only.tail_s, only.window) == (1.0, 1.0, "")


def test_equal_words_on_both_sides_of_a_border_are_kept_in_one_window() -> None:
    said = [
        outcome(0, [word("nej,", 4.6, 4.9)], window="0-1"),
        outcome(1, [word("nej,", 4.6, 4.9), word("nej,", 5.05, 5.4), word("inte", 6.0)], window="0-1"),
    ]
    assert SeamDriver().feed(*said, outcome(2, last=True)).words == ["nej,", "nej,", "inte"]


def test_result_of_another_worker_within_a_window_changes_nothing_after_it() -> None:
    """The second chunk was taken over by a faster worker, which decoded it alone."""
    both = [
        outcome(0, [word("Ett", 4.1, 4.4), word("två", 4.7, 5.2)], window="0-1"),
        outcome(1, [word("Ett", 4.1, 4.4), word("två", 4.7, 5.2), word("tre", 6.0)], window="0-1"),
    ]
    alone = outcome(1, [word("två", 4.8, 5.2), word("tre", 6.0)])
    for order in ([alone, *both], [both[0], alone, both[1]]):
        assert SeamDriver().feed(*order, outcome(2, last=True)).words == ["Ett", "två", "tre"]


def test_window_is_restored_from_any_split() -> None:
    rng = random.Random(1)
    for _ in range(50):
        at_s, heard = 0.1, []
        while at_s < 29:
            heard.append(word(rng.choice(["ja", "nej", "och"]), at_s, end_s := at_s + rng.uniform(0.1, 0.6)))
            at_s = end_s + rng.choice([0.0, 0.05, 0.3])
        assert SeamDriver().feed(*apart(chunks("jobs/1", PCM), *heard)).words == [each.text for each in heard]


@pytest.mark.parametrize("lead_s", [1.0, 2.0])
def test_no_word_is_lost_or_doubled_however_chunks_were_grouped(lead_s: float) -> None:
    """Another worker may take over chunks of a slow one; a recording that is decoded again has some of them twice."""
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


def test_words_in_the_lead_are_used_after_a_lost_chunk() -> None:
    first, _, third = apart(chunks("jobs/1", PCM)[:3], word("a", 3), word("b", 6), word("c", 9.8, 10.1), word("d", 12))
    assert SeamDriver().feed(first, lost(1), third, outcome(3, last=True)).words == ["a", "c", "d"]


def test_window_with_a_turn_is_not_subject_to_votes_in_any_chunk() -> None:
    parts = []
    for code, begin_s, end_s in (("sv", 0, 20), ("en", 20, 30)):
        starts_s = [begin_s + 0.5 * n for n in range(2 * (end_s - begin_s))]
        # Both languages are candidates, so all of it was decoded in both.
        words = {c: [Word(f"{c}{at_s}", at_s, at_s + 0.4, 0.9) for at_s in starts_s] for c in ("en", "sv")}
        heard = {c: Reading(tuple(words[c]), c) for c in sorted(words, key=lambda c: c != code)}
        parts.append(Part(heard, {c: 0.9 if c == code else 0.1 for c in heard}))
    outcomes = grouping.split(chunks("jobs/1", PCM), parts, "model", "window")
    expected = [each.text for part in parts for each in part.likeliest.words]
    assert SeamDriver(JOB).feed(*outcomes).words == expected


def heard_by_some(several: list[Chunk], worker: str, rng: random.Random) -> list[Outcome]:
    """A worker's outcomes of chunks, in windows of any length."""
    edges = [0, *sorted(rng.sample(range(1, 6), rng.randint(0, 5))), 6]
    outcomes: list[Outcome] = []
    for begin, end in itertools.pairwise(edges):
        group = several[begin:end]
        [[heard]] = recognise(ScriptedEngine(context_s=30.0), [grouping.merge(group)], "transcribe")
        outcomes += apart(group, *heard.likeliest.words, window=f"{worker}, {begin}")
    return outcomes


def apart(group: list[Chunk], *heard: Word, window: str = "window") -> list[Outcome]:
    return grouping.split(group, [Part({"sv": Reading(heard, "sv")}, {"sv": 1.0})], "model", window)
