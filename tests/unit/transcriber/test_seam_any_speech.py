"""The seam with arbitrary words, borders and completion order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcriber.seams import (
    CHUNK_S,
    EXAMPLES,
    JOB,
    LEAD_S,
    MICROPHONE,
    STATION,
    SeamDriver,
    outcome,
    part,
    words_of,
)
from transcriber.joining.policy import Policy
from transcriber.outcome import Outcome
from wire.messages import Word


@st.composite
def speech(draw: st.DrawFn) -> list[Word]:
    """Words of 0.1 to 0.5 s, out of a small vocabulary so that many are repeated, with pauses of up to 3 s."""
    at_s = draw(st.floats(0, 3))
    words = []
    for _ in range(draw(st.integers(0, 60))):
        text = draw(st.sampled_from(["och", "det", "är", "en", "ny", "dag", "idag", "slut.", "ja,", "nej"]))
        length_s = draw(st.floats(0.1, 0.5))
        at_s += draw(st.one_of(st.floats(0.0, 0.2), st.floats(0.0, 3.0)))
        words.append(Word(text, at_s, at_s + length_s))
        at_s += length_s
    return words


def told_apart(words: Sequence[Word], apart_s: float) -> list[Word]:
    """The same words, none repeated within `apart_s`: with time errors of half of that, they would be ambiguous."""
    result: list[Word] = []
    for n, w in enumerate(words):
        near = any(w.start_s - other.start_s < apart_s and w.text == other.text for other in result)
        result.append(replace(w, text=f"{w.text}{n}") if near else w)
    return result


def windows(words: Sequence[Word], jitter_s: float, junk: bool, rng: random.Random) -> list[Outcome]:
    """Simulate a recogniser, chunk by chunk: words cut by an edge are omitted, or replaced by junk."""
    n_chunks = int((words[-1].end_s if words else 0.0) // CHUNK_S) + 1
    outcomes = []
    for seq in range(n_chunks):
        begin_s, end_s = max(0.0, seq * CHUNK_S - LEAD_S), (seq + 1) * CHUNK_S
        heard = []
        for w in words:
            if w.end_s <= begin_s or w.start_s >= end_s:
                continue
            cut = w.start_s < begin_s or w.end_s > end_s
            if cut and not junk:
                continue
            shift_s = rng.uniform(-jitter_s, jitter_s)
            earliest_s = heard[-1].end_s if heard else begin_s  # times may be wrong, but not the order
            start_s = min(end_s, max(earliest_s, w.start_s + shift_s))
            stop_s = max(start_s, min(end_s, w.end_s + shift_s))
            heard.append(
                Word(
                    rng.choice([f"hm{begin_s:g}", "-", f"{w.text[:1]}{begin_s:g}"]) if cut else w.text, start_s, stop_s
                )
            )
        outcomes.append(outcome(seq, heard, last=seq == n_chunks - 1))
    return outcomes


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000), policy=st.sampled_from([STATION, JOB, MICROPHONE]))
def test_every_word_appears_once_and_in_order_whatever_the_completion_order(
    words: list[Word], seed: int, policy: Policy
) -> None:
    rng = random.Random(seed)
    outcomes = windows(words, 0.0, False, rng)
    deliveries = outcomes + rng.choices(outcomes, k=3)
    rng.shuffle(deliveries)
    assert SeamDriver(policy).feed(*deliveries).words == [w.text for w in words]


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000), policy=st.sampled_from([STATION, JOB, MICROPHONE]))
def test_chunks_applied_together_make_the_same_captions_as_one_by_one(
    words: list[Word], seed: int, policy: Policy
) -> None:
    rng = random.Random(seed)
    outcomes = windows(words, 0.2, True, rng)
    rng.shuffle(outcomes)
    together, left = SeamDriver(policy), list(outcomes)
    while left:
        size = rng.randint(1, 4)
        together.feed_together(*left[:size])
        left = left[size:]
    single = SeamDriver(policy).feed(*outcomes)
    shown = [[(c.id, c.text, c.start_s, c.end_s, c.final) for c in d.shown if c.text] for d in (together, single)]
    assert shown[0] == shown[1]
    assert together.finished == single.finished


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_word_times_may_be_a_little_off(words: list[Word], seed: int) -> None:
    words = told_apart(words, 1.0)
    outcomes = windows(words, 0.2, False, random.Random(seed))
    assert SeamDriver().feed(*outcomes).words == [w.text for w in words]


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_what_a_recogniser_invents_for_cut_words_is_dropped(words: list[Word], seed: int) -> None:
    outcomes = windows(words, 0.0, True, random.Random(seed))
    assert SeamDriver().feed(*outcomes).words == [w.text for w in words]


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_everything_at_once(words: list[Word], seed: int) -> None:
    rng = random.Random(seed)
    words = told_apart(words, 1.0)
    outcomes = windows(words, 0.1, True, rng)
    deliveries = outcomes + rng.choices(outcomes, k=3)
    rng.shuffle(deliveries)
    assert SeamDriver(JOB).feed(*deliveries).words == [w.text for w in words]


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_final_captions_stay_with_arbitrary_hypotheses(words: list[Word], seed: int) -> None:
    """With unrelated hypotheses; the driver checks the invariants."""
    rng = random.Random(seed)
    outcomes = [
        replace(o, parts=(part((w for w in words_of(o) if rng.random() < 0.7), rng.choice(["sv", "ja"])),))
        for o in windows(words, 1.0, True, rng)
    ]
    rng.shuffle(outcomes)
    driver = SeamDriver(MICROPHONE).feed(*outcomes)
    assert driver.finished
    assert all(caption.final for caption in driver.shown)


@st.composite
def turning(draw: st.DrawFn) -> list[tuple[Word, str]]:
    """Distinct words of two alternating languages, each at least a second long, with pauses between."""
    at_s = draw(st.floats(0, 2))
    words: list[tuple[Word, str]] = []
    for turn in range(draw(st.integers(1, 8))):
        for _ in range(draw(st.integers(4, 14))):
            at_s += draw(st.floats(0.02, 0.15))
            length_s = draw(st.floats(0.25, 0.5))
            words.append((Word(f"w{len(words)}", at_s, at_s + length_s), ("sv", "en")[turn % 2]))
            at_s += length_s
        at_s += draw(st.floats(0.3, 1.5))
    return words


def heard_in_turn(words: Sequence[tuple[Word, str]], rng: random.Random) -> list[Outcome]:
    """Simulate a perfect recogniser, with overlaps of 0.6 to 2 s and a confidence that differs between windows."""
    outcomes: list[Outcome] = []
    lead_s, end_s = 0.0, words[-1][0].end_s
    for seq in range(int(end_s // CHUNK_S) + 1):
        tail_s = rng.uniform(0.6, 2.0)
        inside = [
            (w, code) for w, code in words if w.start_s >= seq * CHUNK_S - lead_s and w.end_s <= (seq + 1) * CHUNK_S
        ]
        confidence = rng.uniform(0.5, 1.0)
        parts = [
            part((replace(w, confidence=confidence) for w, _ in group), code, 1.0)
            for code, group in itertools.groupby(inside, key=lambda item: item[1])
        ]
        outcomes.append(outcome(seq, parts=tuple(parts), lead_s=lead_s, tail_s=tail_s))
        lead_s = tail_s
    return [*outcomes[:-1], replace(outcomes[-1], last=True)]


@EXAMPLES
@given(words=turning(), seed=st.integers(0, 1_000_000), policy=st.sampled_from([STATION, JOB, MICROPHONE]))
def test_with_alternating_languages_every_word_appears_once_and_in_order(
    words: list[tuple[Word, str]], seed: int, policy: Policy
) -> None:
    rng = random.Random(seed)
    outcomes = heard_in_turn(words, rng)
    assert SeamDriver(policy).feed(*outcomes).words == [w.text for w, _ in words]
    deliveries = outcomes[1:] + rng.choices(outcomes, k=2)
    rng.shuffle(deliveries)
    driver = SeamDriver(policy).feed(outcomes[0], *deliveries)
    assert driver.words == [w.text for w, _ in words]
    told = {w.text: code for w, code in words}
    wrong = sum(told[w.text] != c.language for c in driver.shown for w in c.words)
    assert wrong <= 4 * len(outcomes), "all but a few words at a chunk's edge are in their own language"
