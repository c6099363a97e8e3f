"""The seam: order, overlaps, gaps, epochs; and that final captions never change."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from transcriber.outcome import Outcome
from transcriber.seam import Policy, advance
from wire.captions import latest_revisions
from wire.messages import Caption, Word

CHUNK_S, LEAD_S = 5.0, 1.0
STATION, JOB, MICROPHONE = Policy("stations/demo"), Policy("jobs/1"), Policy("microphones/1")


class Listener:
    """Hands outcomes to the seam and keeps what is shown, checking what must hold at every step."""

    def __init__(self, policy: Policy = STATION) -> None:
        self.policy = policy
        self.state: bytes | None = None
        self.captions: list[Caption] = []
        self.finished = False

    def hear(self, *outcomes: Outcome) -> Listener:
        for outcome in outcomes:
            result = advance(self.state, outcome, self.policy)
            if result is None:
                continue
            self.state = result.state
            self.finished = result.finished
            for caption in result.captions:
                self._check(caption)
                self.captions.append(caption)
        return self

    def _check(self, caption: Caption) -> None:
        earlier = [c for c in self.captions if c.id == caption.id]
        assert not any(c.final for c in earlier), f"final caption {caption.id} was changed"
        assert caption.revision == (earlier[-1].revision + 1 if earlier else 0)
        assert caption.end_s >= caption.start_s
        if caption.final:
            finals = [c.id for c in self.captions if c.final]
            assert caption.id == len(finals) + 1, "captions become final in order, none left out"

    @property
    def shown(self) -> list[Caption]:
        return latest_revisions(self.captions)

    @property
    def words(self) -> list[str]:
        return [word.text for caption in self.shown for word in caption.words]

    @property
    def text(self) -> str:
        return " ".join(caption.text for caption in self.shown if caption.text)


def outcome(seq: int, words: Iterable[Word] = (), **changes: object) -> Outcome:
    plain = Outcome(
        epoch=1,
        seq=seq,
        start_s=seq * CHUNK_S,
        end_s=(seq + 1) * CHUNK_S,
        lead_s=LEAD_S if seq else 0.0,
        words=tuple(words),
        language="sv",
        captured_s=1000.0 + (seq + 1) * CHUNK_S,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def word(text: str, start_s: float, end_s: float | None = None) -> Word:
    return Word(text, start_s, start_s + 0.3 if end_s is None else end_s)


# --- whatever the words, the borders and the order -------------------------------------------------


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
    """The same words, none repeated within `apart_s`: times that are off by half of it could not tell them apart."""
    result: list[Word] = []
    for n, w in enumerate(words):
        near = any(w.start_s - other.start_s < apart_s and w.text == other.text for other in result)
        result.append(dataclasses.replace(w, text=f"{w.text}{n}") if near else w)
    return result


def windows(words: Sequence[Word], jitter_s: float, junk: bool, rng: random.Random) -> list[Outcome]:
    """What a recogniser hears of them chunk by chunk: words cut by an edge are left out, or come out as junk."""
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
            earliest_s = heard[-1].end_s if heard else begin_s  # times may be off, the order is not
            start_s = min(end_s, max(earliest_s, w.start_s + shift_s))
            stop_s = max(start_s, min(end_s, w.end_s + shift_s))
            heard.append(Word(rng.choice(["hm", "o", "-", w.text[:1]]) if cut else w.text, start_s, stop_s))
        outcomes.append(outcome(seq, heard, last=seq == n_chunks - 1))
    return outcomes


@settings(max_examples=300, deadline=None)
@given(words=speech(), seed=st.integers(0, 1_000_000), policy=st.sampled_from([STATION, JOB, MICROPHONE]))
def test_every_word_comes_out_once_and_in_order_whoever_finishes_first(
    words: list[Word], seed: int, policy: Policy
) -> None:
    rng = random.Random(seed)
    outcomes = windows(words, 0.0, False, rng)
    deliveries = outcomes + rng.choices(outcomes, k=3)
    rng.shuffle(deliveries)
    policy = dataclasses.replace(policy, max_lag_s=1e9)
    assert Listener(policy).hear(*deliveries).words == [w.text for w in words]


@settings(max_examples=300, deadline=None)
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_word_times_may_be_a_little_off(words: list[Word], seed: int) -> None:
    words = told_apart(words, 1.0)
    outcomes = windows(words, 0.2, False, random.Random(seed))
    assert Listener().hear(*outcomes).words == [w.text for w in words]


@settings(max_examples=300, deadline=None)
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_what_a_recogniser_invents_for_cut_words_is_dropped(words: list[Word], seed: int) -> None:
    outcomes = windows(words, 0.0, True, random.Random(seed))
    assert Listener().hear(*outcomes).words == [w.text for w in words]
