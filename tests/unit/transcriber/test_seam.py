"""The seam: order, overlaps, gaps, epochs; and that final captions never change."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcriber.language import candidates
from transcriber.outcome import Outcome, Part, Reading
from transcriber.seam import PATIENCE_S, Policy, advance
from wire.captions import latest_revisions
from wire.messages import Caption, Content, Word

CHUNK_S, LEAD_S = 5.0, 1.0
#: The same examples at every run: what random ones find is put right and goes among the tests below by name.
EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)

STATION, JOB, MICROPHONE = Policy("stations/demo"), Policy("jobs/1"), Policy("microphones/1")


class Listener:
    """Hands outcomes to the seam and keeps what is shown, checking what must hold at every step."""

    def __init__(self, policy: Policy = STATION) -> None:
        self.policy = policy
        self.state: bytes | None = None
        self.now_s = 0.0
        self.captions: list[Caption] = []
        self.rejections: list[str] = []
        self.finished = False

    def hear(self, *outcomes: Outcome) -> Listener:
        for outcome in outcomes:
            result = advance(self.state, outcome, self.policy, self.now_s)
            if result is None:
                continue
            self.state = result.state
            self.finished = result.finished
            self.rejections += result.rejected
            for caption in result.captions:
                self._check(caption)
                self.captions.append(caption)
        return self

    def wait(self, duration_s: float) -> Listener:
        self.now_s += duration_s
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


def part(
    words: Iterable[Word], language: str = "sv", p: float | None = None, *, doubtful: bool = False, **others: Reading
) -> Part:
    """Words of a part, in a language that was given, or that is likely so far; in others, too, if it is in doubt."""
    own = {language: Reading(tuple(words), language, doubtful)}
    return Part.of(own | others, {} if p is None else {language: p, "en" if language == "sv" else "sv": 1 - p})


def outcome(seq: int, words: Iterable[Word] = (), *, doubtful: bool = False, **changes: object) -> Outcome:
    plain = Outcome(
        epoch=1,
        seq=seq,
        start_s=seq * CHUNK_S,
        end_s=(seq + 1) * CHUNK_S,
        lead_s=LEAD_S if seq else 0.0,
        tail_s=LEAD_S,
        parts=(part(words, doubtful=doubtful),),
        captured_s=1000.0 + (seq + 1) * CHUNK_S,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def words_of(outcome: Outcome) -> list[Word]:
    return [word for part in outcome.parts for word in part.likeliest.words]


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
        result.append(replace(w, text=f"{w.text}{n}") if near else w)
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
            heard.append(
                Word(
                    rng.choice([f"hm{begin_s:g}", "-", f"{w.text[:1]}{begin_s:g}"]) if cut else w.text, start_s, stop_s
                )
            )
        outcomes.append(outcome(seq, heard, last=seq == n_chunks - 1))
    return outcomes


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000), policy=st.sampled_from([STATION, JOB, MICROPHONE]))
def test_every_word_comes_out_once_and_in_order_whoever_finishes_first(
    words: list[Word], seed: int, policy: Policy
) -> None:
    rng = random.Random(seed)
    outcomes = windows(words, 0.0, False, rng)
    deliveries = outcomes + rng.choices(outcomes, k=3)
    rng.shuffle(deliveries)
    assert Listener(policy).hear(*deliveries).words == [w.text for w in words]


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_word_times_may_be_a_little_off(words: list[Word], seed: int) -> None:
    words = told_apart(words, 1.0)
    outcomes = windows(words, 0.2, False, random.Random(seed))
    assert Listener().hear(*outcomes).words == [w.text for w in words]


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_what_a_recogniser_invents_for_cut_words_is_dropped(words: list[Word], seed: int) -> None:
    outcomes = windows(words, 0.0, True, random.Random(seed))
    assert Listener().hear(*outcomes).words == [w.text for w in words]


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_everything_at_once(words: list[Word], seed: int) -> None:
    rng = random.Random(seed)
    words = told_apart(words, 1.0)
    outcomes = windows(words, 0.1, True, rng)
    deliveries = outcomes + rng.choices(outcomes, k=3)
    rng.shuffle(deliveries)
    assert Listener(JOB).hear(*deliveries).words == [w.text for w in words]


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000))
def test_whatever_is_heard_final_captions_stay(words: list[Word], seed: int) -> None:
    """Hypotheses that have nothing to do with each other; the listener checks what must hold."""
    rng = random.Random(seed)
    outcomes = [
        replace(o, parts=(part((w for w in words_of(o) if rng.random() < 0.7), rng.choice(["sv", "ja"])),))
        for o in windows(words, 1.0, True, rng)
    ]
    rng.shuffle(outcomes)
    listener = Listener(MICROPHONE).hear(*outcomes)
    assert listener.finished
    assert all(caption.final for caption in listener.shown)


# --- overlaps -------------------------------------------------------------------------------------


def test_words_of_the_overlap_are_provisional_until_the_next_window_has_heard_them() -> None:
    listener = Listener().hear(outcome(0, [word("Hej.", 0.5), word("God", 4.2), word("dag", 4.6)]))
    assert [(c.text, c.final) for c in listener.shown] == [("Hej.", True), ("God dag", False)]
    listener.hear(outcome(1, [word("God", 4.25), word("natt.", 4.62), word("Och", 9.2)]))
    assert [(c.text, c.final) for c in listener.shown] == [("Hej.", True), ("God natt.", True), ("Och", False)]


def test_a_word_that_was_not_there_is_withdrawn() -> None:
    listener = Listener().hear(outcome(0, [word("Hej.", 0.5), word("eh", 4.7, 4.99)]))
    assert listener.text == "Hej. eh"
    listener.hear(outcome(1, [word("Nu.", 9.2)]))
    assert listener.text == "Hej. Nu."


def test_a_withdrawn_caption_is_empty_until_its_id_comes_back() -> None:
    listener = Listener().hear(outcome(0, [word("Hej.", 0.5), word("eh", 4.7, 4.99)]))
    listener.hear(outcome(1, [word("Nu.", 6.0), word("Ja.", 7.0)]), outcome(2, content=Content.SILENCE))
    assert [c.text for c in listener.shown] == ["Hej.", "Nu.", "Ja."]


def test_a_window_in_which_nothing_was_believed_takes_no_words_away() -> None:
    listener = Listener().hear(outcome(0, [word("Hej", 4.2), word("då", 4.6)]), outcome(1, []))
    assert listener.text == "Hej då"


def test_silence_settles_what_came_before_it() -> None:
    listener = Listener().hear(outcome(0, [word("Hej", 4.6)]), outcome(1, content=Content.SILENCE, lead_s=0.0))
    assert [(c.text, c.final) for c in listener.shown] == [("Hej", True)]


@pytest.mark.parametrize("between", [{"content": Content.MUSIC}, {"content": Content.GAP, "reason": "shed"}])
def test_words_at_the_end_of_a_chunk_that_nobody_heard_are_not_contradicted(between: dict[str, object]) -> None:
    chunks = [
        outcome(0, [word("Hej.", 4.2)]),
        outcome(1, **between),
        outcome(2, [word("Ja.", 9.1), word("Nej.", 11.0)]),
    ]
    assert Listener().hear(*chunks, outcome(3, last=True)).text == "Hej. Ja. Nej."


def test_the_same_words_long_after_are_said_again() -> None:
    listener = Listener().hear(outcome(0, [word("Ja.", 4.5)]), outcome(1, [word("Ja.", 4.5), word("Ja.", 6.0)]))
    assert listener.hear(outcome(2, last=True)).words == ["Ja.", "Ja."]


# --- order ----------------------------------------------------------------------------------------


def numbered(n: int, **changes: object) -> list[Outcome]:
    """Chunks with one sentence in the middle of each."""
    return [outcome(seq, [word(f"{seq}.", seq * CHUNK_S + 2.5)], **changes) for seq in range(n)]


def test_a_chunk_that_comes_too_early_waits_for_those_before_it() -> None:
    first, second, third = numbered(3)
    listener = Listener().hear(third, second)
    assert listener.captions == []
    assert listener.hear(first).words == ["0.", "1.", "2."]


def test_a_chunk_that_comes_twice_changes_nothing() -> None:
    first, second, third = numbered(3)
    listener = Listener().hear(first, third)
    assert advance(listener.state, first, STATION, 0.0) is None
    assert advance(listener.state, third, STATION, 0.0) is None
    listener.hear(second)
    assert all(advance(listener.state, late, STATION, 0.0) is None for late in (first, second, third))


def test_a_live_hole_is_declared_lost_when_what_is_behind_it_has_waited_enough() -> None:
    chunks = numbered(40)
    listener = Listener(Policy("stations/demo", max_lag_s=60.0)).hear(*chunks[:3], *chunks[4:30])
    listener.wait(59.0).hear(chunks[30])
    assert listener.words == ["0.", "1.", "2."], "minutes of audio behind it are no reason: there is a backlog"
    listener.wait(1.0).hear(chunks[31])
    gap = next(c for c in listener.shown if c.content is Content.GAP)
    assert (gap.start_s, gap.end_s, gap.reason, gap.final) == (15.0, 20.0, "lost", True)
    assert listener.words == [f"{n}." for n in range(32) if n != 3]
    assert advance(listener.state, chunks[3], STATION, 0.0) is None, "the straggler comes too late"


def test_a_job_waits_for_its_hole() -> None:
    chunks = numbered(40)
    listener = Listener(JOB).hear(*chunks[1:])
    assert listener.captions == []
    assert listener.hear(chunks[0]).words == [f"{n}." for n in range(40)]


def test_a_source_whose_state_is_lost_goes_on_where_it_is() -> None:
    chunks = numbered(60)
    listener = Listener().hear(*chunks[50:52])
    assert listener.captions == [], "another worker may still have an earlier one"
    assert listener.wait(PATIENCE_S).hear(chunks[52]).words == ["50.", "51.", "52."]
    assert all(c.content is Content.SPEECH for c in listener.shown)


@pytest.mark.parametrize(
    ("state", "id"),
    [(b'{"from": "the future", "lines": {"next_id": 7}}', 7), (b"no JSON", 1), (b"[]", 1), (b'{"lines": []}', 1)],
)
def test_a_state_of_another_version_begins_anew(state: bytes, id: int) -> None:
    first = outcome(0, [word("Hej.", 1.0)], last=True)
    advanced = advance(state, first, STATION, 0.0)
    assert advanced is not None
    assert [(c.id, c.text, c.final) for c in advanced.captions] == [(id, "Hej.", True)]
    assert advance(advanced.state, first, STATION, 0.0) is None


def test_a_job_goes_on_from_the_state_of_a_version_that_kept_more() -> None:
    listener = Listener(JOB).hear(outcome(0, [word("Hej", 4.5)]), outcome(2, [word("slut.", 11.0)]))
    assert listener.state is not None
    state = json.loads(listener.state)
    state["lead_s"] = state["parked"][0][1]["more"] = 2.0
    listener.state = json.dumps(state).encode()
    listener.hear(outcome(1, [word("Hej", 4.5), word("du.", 5.0)]), outcome(3, last=True))
    assert listener.text == "Hej du. slut."
    assert listener.finished, "a job that began anew would wait for its first chunks for ever"


def test_chunks_missing_at_the_beginning_of_an_epoch_leave_a_gap() -> None:
    old = [outcome(0, [word("Hej.", 1.0)], last=True)]
    listener = Listener().hear(*old, *again(numbered(20))[2:14]).wait(60.0).hear(*again(numbered(20))[14:15])
    gap = listener.shown[1]
    assert (gap.content, gap.start_s, gap.end_s) == (Content.GAP, 100.0, 110.0)
    assert listener.words[:2] == ["Hej.", "2."]


def test_progress_tells_how_far_the_source_is_captioned() -> None:
    first, second, third = numbered(3)
    result = advance(None, first, STATION, 0.0)
    assert result is not None
    assert (result.epoch, result.next_seq, result.until_s, result.finished) == (1, 1, 5.0, False)
    parked = advance(result.state, third, STATION, 0.0)
    assert parked is not None
    assert (parked.next_seq, parked.until_s, parked.captions) == (1, 5.0, ())
    whole = advance(parked.state, second, STATION, 0.0)
    assert whole is not None
    assert (whole.next_seq, whole.until_s) == (3, 15.0)


# --- gaps -----------------------------------------------------------------------------------------


def lost(seq: int, reason: str = "shed", **changes: object) -> Outcome:
    return outcome(seq, content=Content.GAP, reason=reason, lead_s=0.0, **changes)


def test_a_gap_is_marked_with_its_reason_and_settles_what_came_before() -> None:
    listener = Listener().hear(outcome(0, [word("Hej", 4.6)]), lost(1), outcome(2, [word("Nu.", 12.0)]))
    assert [(c.content.value, c.text, c.reason, c.final) for c in listener.shown] == [
        ("speech", "Hej", "", True),
        ("gap", "", "shed", True),
        ("speech", "Nu.", "", True),
    ]


def test_gaps_that_follow_each_other_become_one() -> None:
    listener = Listener().hear(lost(0), lost(1), lost(2))
    assert [(c.start_s, c.end_s, c.final) for c in listener.shown] == [(0.0, 15.0, False)]
    listener.hear(lost(3, "failed"), outcome(4, [word("Nu.", 22.0)]))
    assert [(c.start_s, c.end_s, c.reason, c.final) for c in listener.shown[:2]] == [
        (0.0, 15.0, "shed", True),
        (15.0, 20.0, "failed", True),
    ]


def test_a_gap_at_the_end_of_a_job_is_final_too() -> None:
    listener = Listener(JOB).hear(outcome(0, [word("Hej", 2.0)]), lost(1, "failed", last=True))
    assert listener.finished
    assert [(c.content, c.final) for c in listener.captions] == [(Content.SPEECH, True), (Content.GAP, True)]


# --- epochs ---------------------------------------------------------------------------------------


def again(chunks: Sequence[Outcome], epoch: int = 2, after_s: float = 100.0) -> list[Outcome]:
    """The same chunks after a reconnection."""
    return [
        replace(
            o,
            epoch=epoch,
            start_s=o.start_s + after_s,
            end_s=o.end_s + after_s,
            parts=(part(word(w.text, w.start_s + after_s) for w in words_of(o)),),
        )
        for o in chunks
    ]


def test_a_new_epoch_settles_the_old_one_and_counts_captions_on() -> None:
    old = [outcome(0, [word("Vi", 4.3), word("kommer", 4.6)], last=True)]
    listener = Listener().hear(*old, *again(numbered(1)))
    assert [(c.id, c.epoch, c.text, c.final) for c in listener.shown] == [
        (1, 1, "Vi kommer", True),
        (2, 2, "0.", True),
    ]
    assert not listener.finished, "a station goes on"


def test_a_new_epoch_that_overtakes_the_old_ones_end_waits_for_it() -> None:
    first, second, third = numbered(3)
    third = replace(third, last=True)
    listener = Listener().hear(first, *again(numbered(2)), third)
    assert listener.words == ["0."]
    assert listener.hear(second).words == ["0.", "1.", "2.", "0.", "1."]


def test_an_epoch_that_never_ended_is_given_up() -> None:
    new = again(numbered(6))
    listener = Listener().hear(*numbered(2), *new[:4]).wait(PATIENCE_S - 1).hear(new[4])
    assert listener.words == ["0.", "1."]
    assert listener.wait(1.0).hear(new[5]).words == ["0.", "1.", *(f"{n}." for n in range(6))]


def test_the_last_chunk_of_a_source_waits_for_no_epoch_that_never_ended() -> None:
    """Of a microphone that is closed soon after its ingest worker died; no chunk follows that could end the waiting."""
    for last in (1, 2):
        new = again(numbered(last))
        end = outcome(last, epoch=2, start_s=120.0, end_s=120.0, lead_s=0.0, parts=(), last=True)
        listener = Listener(MICROPHONE).hear(outcome(0, [word("Slut", 4.5)]), *new, end)
        assert listener.words == ["Slut", *(f"{n}." for n in range(last))]
        assert listener.finished
        assert all(caption.final for caption in listener.shown)


def test_an_epoch_is_as_long_as_the_next_one_says() -> None:
    first, second, third = numbered(3)
    begin, *more = again(numbered(2))
    begin = replace(begin, follows=(1, 2))
    end = outcome(2, epoch=2, start_s=120.0, end_s=120.0, lead_s=0.0, parts=(), last=True)
    assert Listener().hear(first, second, begin).words == ["0.", "1.", "0."], "nothing is waited for"
    listener = Listener(MICROPHONE).hear(first, begin, *more, end)
    assert listener.words == ["0."]
    assert listener.hear(second, third).words == ["0.", "1.", "0.", "1."], "what is queued is not given up"
    assert listener.finished
    assert Listener(MICROPHONE).hear(*more, end, begin, second, first).words == ["0.", "1."]


def test_late_chunks_of_an_old_epoch_are_ignored() -> None:
    first, second = numbered(2)
    listener = Listener().hear(replace(first, last=True), *again(numbered(1)))
    assert advance(listener.state, second, STATION, 0.0) is None


def test_a_source_first_seen_in_a_later_epoch_starts_there() -> None:
    assert Listener().hear(*again(numbered(1), epoch=7)).words == ["0."]


def test_jobs_and_microphones_finish_with_their_last_chunk() -> None:
    for policy in (JOB, MICROPHONE):
        listener = Listener(policy).hear(*numbered(1), outcome(1, [word("Slut", 9.5)], last=True))
        assert listener.finished
        assert [(c.text, c.final) for c in listener.shown] == [("0.", True), ("Slut", True)]
        assert advance(listener.state, outcome(2), policy, 0.0) is None


def test_an_end_mark_without_audio_settles_everything() -> None:
    end = replace(outcome(1, last=True), start_s=5.0, end_s=5.0, lead_s=0.0)
    listener = Listener(MICROPHONE).hear(outcome(0, [word("Slut", 4.5)]), end)
    assert [(c.text, c.final) for c in listener.shown] == [("Slut", True)]


def test_jobs_show_only_what_is_final() -> None:
    listener = Listener(JOB).hear(*numbered(5), outcome(5, last=True))
    assert all(c.final and c.revision == 0 for c in listener.captions)


def test_captions_say_what_audio_they_rest_on() -> None:
    listener = Listener().hear(outcome(0, [word("Hej", 4.5)]), outcome(1, [word("Hej", 4.5), word("du.", 5.0)]))
    assert [c.captured_s for c in listener.captions] == [1005.0, 1010.0]


# --- what is not believed a second time --------------------------------------------------------------


def thanks(at_s: float) -> list[Word]:
    return [
        Word("Thanks", at_s, at_s + 0.4),
        Word("for", at_s + 0.4, at_s + 0.6),
        Word("watching!", at_s + 0.6, at_s + 1),
    ]


def test_a_caption_in_doubt_is_not_repeated() -> None:
    heard = [outcome(n, thanks(n * CHUNK_S + 2), doubtful=True) for n in range(6)]
    listener = Listener().hear(*heard, outcome(6, last=True))
    assert listener.text == "Thanks for watching!"
    assert listener.rejections == ["repeated"] * 5


def test_a_sure_caption_may_be_repeated() -> None:
    listener = Listener().hear(*(outcome(n, thanks(n * CHUNK_S + 2)) for n in range(3)), outcome(3, last=True))
    assert listener.text == " ".join(["Thanks for watching!"] * 3)
    assert listener.rejections == []


def test_a_caption_in_doubt_that_two_windows_heard_is_kept() -> None:
    overlap = thanks(CHUNK_S - 1.0)
    heard = [outcome(0, overlap, doubtful=True), outcome(1, overlap, doubtful=True), outcome(2, last=True)]
    assert Listener().hear(*heard).text == "Thanks for watching!"


def test_repetitions_are_the_same_whatever_comes_first() -> None:
    heard = [outcome(n, thanks(n * CHUNK_S + 2), doubtful=n != 2) for n in range(6)] + [outcome(6, last=True)]
    expected = Listener().hear(*heard)
    for seed in range(20):
        shuffled = heard[1:]
        random.Random(seed).shuffle(shuffled)
        listener = Listener().hear(heard[0], *shuffled)
        assert listener.text == expected.text
        assert listener.rejections == expected.rejections


# --- language -------------------------------------------------------------------------------------


def spoken(seq: int, english: float, n_words: int = 6, **changes: object) -> Outcome:
    """A chunk of half-second words that are heard in English, in Swedish, or, where it is in doubt, in both."""
    likely = {"sv": 1.0 - english, "en": english}
    starts_s = [seq * CHUNK_S + 0.5 + 0.6 * n for n in range(n_words)]
    readings = {
        code: Reading(tuple(Word(f"{code}{seq}.{n}", at_s, at_s + 0.5) for n, at_s in enumerate(starts_s)), code)
        for code in candidates(likely)
    }
    return outcome(seq, **{"parts": (Part.of(readings, likely),), **changes})


def in_parts(seq: int, *parts: tuple[str, float, int]) -> Outcome:
    """A chunk of parts, each certainly in a language, from a second of the chunk on, with so many half-second words."""
    told = []
    for code, at_s, n_words in parts:
        starts_s = [seq * CHUNK_S + at_s + 0.6 * n for n in range(n_words)]
        words = [Word(f"{code}@{start_s:.1f}", start_s, start_s + 0.5, 0.9) for start_s in starts_s]
        told.append(part(words, code, 1.0))
    return outcome(seq, parts=tuple(told))


def in_turn(*english: float) -> list[Outcome]:
    """Chunks of a job that are English with these probabilities, and its end."""
    return [*(spoken(seq, p) for seq, p in enumerate(english)), outcome(len(english), last=True)]


def heard_in(listener: Listener) -> list[str]:
    """The language of each chunk's words, as they are spelled; checked against what the captions say."""
    for caption in listener.shown:
        assert {w.text[:2] for w in caption.words} <= {caption.language}
    found = {int(w.text[2:].split(".")[0]): w.text[:2] for caption in listener.shown for w in caption.words}
    return [found[seq] for seq in sorted(found)]


def test_a_chunk_in_doubt_is_taken_in_the_language_that_is_voted_for() -> None:
    listener = Listener(JOB).hear(*in_turn(0.1, 0.1, 0.7, 0.2))
    assert heard_in(listener) == ["sv"] * 4


def test_a_chunk_that_is_certainly_in_another_language_is_taken_in_its_own() -> None:
    listener = Listener(JOB).hear(*in_turn(0.0, 0.0, 1.0, 0.0))
    assert heard_in(listener) == ["sv", "sv", "en", "sv"]


def test_a_few_words_are_kept_and_do_not_change_what_captions_say() -> None:
    chunks = [spoken(0, 0.0), spoken(1, 1.0, n_words=2), spoken(2, 0.0), outcome(3, last=True)]
    listener = Listener(JOB).hear(*chunks)
    assert {w[:2] for w in listener.words} == {"sv", "en"}
    assert {caption.language for caption in listener.shown} == {"sv"}


def test_a_programme_that_turns_is_followed_within_three_chunks_however_much_it_is_in_doubt() -> None:
    assert heard_in(Listener(JOB).hear(*in_turn(*[0.1] * 6, *[0.8] * 4))) == ["sv"] * 7 + ["en"] * 3


def test_words_before_a_turn_stay_in_their_language_and_end_their_line() -> None:
    first = outcome(0, parts=(part([word("Hej", 3.2), word("då", 3.6)], p=1.0),))
    second = [word(f"so{n}", 5.5 + 0.5 * n, 5.9 + 0.5 * n) for n in range(6)]
    listener = Listener().hear(first, outcome(1, parts=(part(second, "en", 1.0),)))
    assert [(c.language, c.text, c.final) for c in listener.shown] == [
        ("sv", "Hej då", True),
        ("en", "so0 so1 so2 so3 so4 so5", False),
    ]


def test_a_word_that_is_cut_short_at_a_turn_stays_in_its_language() -> None:
    first = outcome(0, parts=(part([word("Hej", 3.2), word("då", 3.9, 4.9)], p=1.0),))
    second = [word(f"so{n}", 4.8 + 0.5 * n, 5.2 + 0.5 * n) for n in range(6)]
    listener = Listener().hear(first, outcome(1, parts=(part(second, "en", 1.0),)))
    assert [(c.language, c.text.split()[0], c.text.split()[-1]) for c in listener.shown] == [
        ("sv", "Hej", "då"),
        ("en", "so0", "so5"),
    ]


def test_what_is_rejected_does_not_vote_and_where_nothing_is_said_nothing_changes() -> None:
    unheard = [outcome(seq, parts=(part((), "en", 1.0),)) for seq in range(1, 6)]
    listener = Listener(JOB).hear(spoken(0, 0.0), *unheard, spoken(6, 0.5), outcome(7, last=True))
    assert heard_in(listener) == ["sv", "sv"]


def test_a_hypothesis_that_was_rejected_is_not_replaced_by_one_in_another_language() -> None:
    [heard] = spoken(2, 0.6).parts
    doubtful = outcome(2, parts=(replace(heard, readings={**heard.readings, "sv": Reading((), "sv")}),))
    listener = Listener(JOB).hear(spoken(0, 0.0), spoken(1, 0.0), doubtful, outcome(3, last=True))
    assert heard_in(listener) == ["sv", "sv"]


@pytest.mark.parametrize(
    ("confidence", "words", "expected"),
    [(0.5, 4, "en"), (0.75, 4, "sv"), (0.5, 1, "sv")],
    ids=["far", "near", "a word"],
)
def test_what_a_recogniser_was_by_far_surer_of_in_another_language_counts_unless_it_is_a_word(
    confidence: float, words: int, expected: str
) -> None:
    guess = Reading(tuple(Word(f"sv{n}", 11 + 0.5 * n, 11.3 + 0.5 * n, confidence) for n in range(4)), "sv")
    sure = Reading(tuple(Word(f"en{n}", 11 + 0.5 * n, 11.3 + 0.5 * n, 0.9) for n in range(words)), "en")
    doubted = outcome(2, parts=(Part({"sv": guess, "en": sure}, {"sv": 0.9, "en": 0.1}),))
    shown = Listener(JOB).hear(spoken(0, 0.0), spoken(1, 0.0), doubted, outcome(3, last=True)).shown
    assert {caption.language for caption in shown if caption.start_s > 10.9} == {expected}


@pytest.mark.parametrize(("code", "turned"), [("en", False), ("ja", True)])
def test_a_name_turns_nothing_however_long_it_takes_to_say(code: str, turned: bool) -> None:
    """A word is a character where there are no spaces between words."""
    name = (Word(f"{code}1", 1.5, 2.2, 0.9), Word(f"{code}2", 2.2, 2.9, 0.9))
    turning = outcome(0, parts=(*in_parts(0, ("sv", 0.2, 2)).parts, part(name, code, 1.0)))
    shown = Listener(JOB).hear(turning, outcome(1, last=True)).shown
    assert ({caption.language for caption in shown} == {"sv", code}) == turned


def test_a_translation_is_english_whatever_is_spoken() -> None:
    heard, said = Reading((word("yes", 1.0),), "en"), Reading((word("no", 6.0),), "en")
    first, second = Part({"sv": heard}, {"sv": 0.9, "en": 0.1}), Part({"sv": said, "en": said}, {"sv": 0.6, "en": 0.4})
    chunks = [outcome(0, parts=(first,)), outcome(1, parts=(second,)), outcome(2, last=True)]
    assert {c.language for c in Listener(JOB).hear(*chunks).shown} == {"en"}


def test_a_chunk_in_which_the_language_turns_is_in_two() -> None:
    listener = Listener(JOB).hear(in_parts(0, ("sv", 0.5, 3), ("en", 2.6, 3)), outcome(1, last=True))
    assert [(c.language, {w.text[:2] for w in c.words}) for c in listener.shown] == [("sv", {"sv"}), ("en", {"en"})]


def test_a_language_that_turns_and_turns_back_within_a_chunk_is_followed_but_not_for_a_word() -> None:
    turns = in_parts(0, ("sv", 0.2, 2), ("en", 1.4, 3), ("sv", 3.3, 3))
    assert [c.language for c in Listener(JOB).hear(turns, outcome(1, last=True)).shown] == ["sv", "en", "sv"]
    word_only = in_parts(0, ("sv", 0.2, 2), ("en", 1.6, 1), ("sv", 2.6, 3))
    assert {c.language for c in Listener(JOB).hear(word_only, outcome(1, last=True)).shown} == {"sv"}


def test_what_the_earlier_window_was_surer_of_stays_where_the_later_one_heard_it_in_another_language() -> None:
    """Of "o'clock" the later window heard but the end."""
    first = replace(in_parts(0, ("sv", 0.2, 3), ("en", 2.4, 5)), tail_s=1.2)
    second = replace(in_parts(1, ("sv", -0.7, 8)), lead_s=1.2)
    [part] = second.parts
    [(spoken_in, reading)] = part.readings.items()
    guessed = (*(replace(w, confidence=0.4) for w in reading.words[:2]), *reading.words[2:])
    unsure = replace(part, readings={spoken_in: replace(reading, words=guessed)})
    listener = Listener(JOB).hear(first, replace(second, parts=(unsure,)), outcome(2, last=True))
    assert [(c.language, len(c.words)) for c in listener.shown] == [("sv", 3), ("en", 5), ("sv", 6)]


def test_what_the_overlap_repeats_in_the_old_language_turns_nothing_back() -> None:
    first = replace(in_parts(0, ("sv", 1.0, 4), ("en", 3.4, 3)), tail_s=2.5)
    second = replace(in_parts(1, ("sv", -2.2, 1), ("en", -1.6, 8)), lead_s=2.5)
    listener = Listener(JOB).hear(first, second, outcome(2, last=True))
    assert [(c.language, len(c.words)) for c in listener.shown] == [("sv", 4), ("en", 8)]


def test_words_that_the_window_before_wrote_in_the_old_language_are_replaced_where_the_new_one_is_surer() -> None:
    """A window that ends with the first words of another language makes something up for them."""
    old = [word("Hej", 3.0), word("då.", 3.4), Word("Hemma", 4.2, 4.6, 0.3), Word("laget", 4.6, 4.9, 0.4)]
    told = ("Here", "are", "the", "main", "stories", "now")
    new = [Word(text, 4.1 + 0.3 * n, 4.3 + 0.3 * n, 0.95) for n, text in enumerate(told)]
    heard = outcome(0, parts=(part(old, p=1.0),)), outcome(1, parts=(part(new, "en", 1.0),)), outcome(2, last=True)
    assert [(c.language, c.text) for c in Listener(JOB).hear(*heard).shown] == [
        ("sv", "Hej då."),
        ("en", "Here are the main stories now"),
    ]


def test_words_of_the_old_language_that_the_new_window_mishears_stay() -> None:
    old = [word("Hej", 3.0), word("på", 4.1), word("onsdag.", 4.4, 4.9)]
    new = [Word("on", 4.1, 4.4, 0.3), Word("ounce", 4.4, 4.9, 0.4)]
    new += [word(text, 5.1 + 0.4 * n) for n, text in enumerate(("Here", "are", "the", "stories"))]
    heard = outcome(0, parts=(part(old, p=1.0),)), outcome(1, parts=(part(new, "en", 1.0),)), outcome(2, last=True)
    assert [(c.language, c.text) for c in Listener(JOB).hear(*heard).shown] == [
        ("sv", "Hej på onsdag."),
        ("en", "Here are the stories"),
    ]


@st.composite
def turning(draw: st.DrawFn) -> list[tuple[Word, str]]:
    """Words of two languages in turn, each a second and more long, with pauses between, and all told apart."""
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
    """What perfect ears hear of them, with overlaps of 0.6 to 2 s and sureness that differs from window to window."""
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
def test_where_languages_come_in_turn_every_word_comes_once_and_in_order(
    words: list[tuple[Word, str]], seed: int, policy: Policy
) -> None:
    rng = random.Random(seed)
    outcomes = heard_in_turn(words, rng)
    assert Listener(policy).hear(*outcomes).words == [w.text for w, _ in words]
    deliveries = outcomes[1:] + rng.choices(outcomes, k=2)
    rng.shuffle(deliveries)
    listener = Listener(policy).hear(outcomes[0], *deliveries)
    assert listener.words == [w.text for w, _ in words]
    told = {w.text: code for w, code in words}
    wrong = sum(told[w.text] != c.language for c in listener.shown for w in c.words)
    assert wrong <= 4 * len(outcomes), "but a few words at a chunk's edge stand in their own language"


def test_a_word_before_a_turn_that_only_the_window_before_heard_stays() -> None:
    """The later window begins with it and does not hear it; what that is sure of comes behind."""
    first = outcome(0, parts=(part([word("Stort", 3.0), Word("tack.", 4.1, 4.5, 0.8)], p=1.0),))
    new = [Word(text, 4.7 + 0.4 * n, 5.0 + 0.4 * n, 0.95) for n, text in enumerate(("Good", "evening", "to", "you"))]
    heard = Listener(JOB).hear(first, outcome(1, parts=(part(new, "en", 1.0),)), outcome(2, last=True))
    assert [(c.language, c.text) for c in heard.shown] == [("sv", "Stort tack."), ("en", "Good evening to you")]


def test_what_is_not_believed_turns_nothing() -> None:
    def said(text: str, at_s: float) -> list[Word]:
        return [Word(w, at_s + 0.4 * n, at_s + 0.4 * n + 0.4) for n, w in enumerate(text.split())]

    def parts(at_s: float) -> tuple[Part, Part]:
        greeting = part(said("Hej och god kväll.", at_s), p=1.0)
        return greeting, part(said("Thanks for watching this!", at_s + 2.5), "en", 1.0, doubtful=True)

    short = part([word("Tack", 9.2)], "sv", 1.0)
    heard = outcome(0, parts=parts(0.2)), outcome(1, parts=(*parts(5.2), short)), outcome(2, last=True)
    listener = Listener(JOB).hear(*heard)
    assert listener.rejections == ["repeated"]
    assert [(c.language, c.text) for c in listener.shown] == [
        ("sv", "Hej och god kväll."),
        ("en", "Thanks for watching this!"),
        ("sv", "Hej och god kväll."),
        ("sv", "Tack"),
    ]


def test_a_state_from_before_the_votes_is_read() -> None:
    listener = Listener().hear(outcome(0, [word("Hej", 4.5)]))
    assert listener.state is not None
    state = json.loads(listener.state)
    del state["votes"]
    listener.state = json.dumps(state).encode()
    assert listener.hear(outcome(1, [word("Hej", 4.5), word("du.", 5.0)])).text == "Hej du."


@EXAMPLES
@given(
    english=st.lists(st.sampled_from([0.0, 0.02, 0.1, 0.4, 0.5, 0.6, 0.9, 0.98, 1.0]), min_size=1, max_size=20),
    seed=st.integers(0, 1_000_000),
    policy=st.sampled_from([JOB, MICROPHONE]),
)
def test_whoever_finishes_first_the_language_is_the_same(english: list[float], seed: int, policy: Policy) -> None:
    rng = random.Random(seed)
    chunks = [spoken(seq, p, rng.randint(0, 7)) for seq, p in enumerate(english)]
    chunks[-1] = replace(chunks[-1], last=True)
    one = Listener(policy).hear(*chunks)
    deliveries = chunks + rng.choices(chunks, k=3)
    rng.shuffle(deliveries)
    several = Listener(policy).hear(*deliveries)
    one_by_one, at_once = (
        [replace(c, revision=0, captured_s=0.0) for c in listener.shown if c.text] for listener in (one, several)
    )
    assert one_by_one == at_once


def test_an_outcome_that_an_older_version_wrote_keeps_its_words() -> None:
    written = {"epoch": 1, "seq": 3, "start_s": 15.0, "end_s": 20.0, "lead_s": 1.0, "language": "sv"}
    found = Outcome.from_dict({**written, "words": [["Hej", 16.0, 16.4, 0.9]], "probabilities": {"sv": 1.0}})
    assert found.parts == (Part({"sv": Reading((Word("Hej", 16.0, 16.4, 0.9),), "sv")}, {"sv": 1.0}),)


def test_an_outcome_waits_as_it_is() -> None:
    for waiting in (spoken(3, 0.4), spoken(3, 0.0), in_parts(3, ("sv", 0.5, 3), ("en", 3.0, 2)), outcome(3), lost(3)):
        assert Outcome.from_dict(json.loads(json.dumps(waiting.as_dict()))) == waiting
