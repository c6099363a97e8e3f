"""The seam: overlaps, gaps, what is final, and what is not believed twice."""

from __future__ import annotations

import random

import pytest

from tests.unit.transcriber.seams import CHUNK_S, JOB, Listener, lost, numbered, outcome, word
from wire.messages import Content, Word

# --- overlaps --------------------------------------------------------------------------------------


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


# --- gaps ------------------------------------------------------------------------------------------


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


# --- what captions say -----------------------------------------------------------------------------


def test_jobs_show_only_what_is_final() -> None:
    listener = Listener(JOB).hear(*numbered(5), outcome(5, last=True))
    assert [(c.text, c.revision, c.final) for c in listener.captions] == [(f"{n}.", 0, True) for n in range(5)]


def test_captions_say_what_audio_they_rest_on() -> None:
    listener = Listener().hear(outcome(0, [word("Hej", 4.5)]), outcome(1, [word("Hej", 4.5), word("du.", 5.0)]))
    assert [c.captured_s for c in listener.captions] == [1005.0, 1010.0]


# --- what is not believed a second time ------------------------------------------------------------


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
