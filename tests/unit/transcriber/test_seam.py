"""The seam: overlaps, gaps, final captions, and rejected repetitions."""

from __future__ import annotations

import random

import pytest

from tests.unit.transcriber.seams import CHUNK_S, JOB, SeamDriver, lost, numbered, outcome, word
from wire.messages import Content, Word

# --- overlaps --------------------------------------------------------------------------------------


def test_words_in_the_overlap_are_provisional_until_the_next_window() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Hej.", 0.5), word("God", 4.2), word("dag", 4.6)]))
    assert [(c.text, c.final) for c in driver.shown] == [("Hej.", True), ("God dag", False)]
    driver.feed(outcome(1, [word("God", 4.25), word("natt.", 4.62), word("Och", 9.2)]))
    assert [(c.text, c.final) for c in driver.shown] == [("Hej.", True), ("God natt.", True), ("Och", False)]


def test_word_missing_from_the_next_window_is_withdrawn() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Hej.", 0.5), word("eh", 4.7, 4.99)]))
    assert driver.text == "Hej. eh"
    driver.feed(outcome(1, [word("Nu.", 9.2)]))
    assert driver.text == "Hej. Nu."


def test_withdrawn_caption_is_empty_until_its_id_is_used_again() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Hej.", 0.5), word("eh", 4.7, 4.99)]))
    driver.feed(outcome(1, [word("Nu.", 6.0), word("Ja.", 7.0)]), outcome(2, content=Content.SILENCE))
    assert [c.text for c in driver.shown] == ["Hej.", "Nu.", "Ja."]


def test_window_without_accepted_words_withdraws_nothing() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Hej", 4.2), word("då", 4.6)]), outcome(1, []))
    assert driver.text == "Hej då"


def test_silence_settles_the_words_before_it() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Hej", 4.6)]), outcome(1, content=Content.SILENCE, lead_s=0.0))
    assert [(c.text, c.final) for c in driver.shown] == [("Hej", True)]


@pytest.mark.parametrize("between", [{"content": Content.MUSIC}, {"content": Content.GAP, "reason": "shed"}])
def test_words_before_an_undecoded_chunk_are_kept(between: dict[str, object]) -> None:
    chunks = [
        outcome(0, [word("Hej.", 4.2)]),
        outcome(1, **between),
        outcome(2, [word("Ja.", 9.1), word("Nej.", 11.0)]),
    ]
    assert SeamDriver().feed(*chunks, outcome(3, last=True)).text == "Hej. Ja. Nej."


def test_same_words_much_later_are_kept() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Ja.", 4.5)]), outcome(1, [word("Ja.", 4.5), word("Ja.", 6.0)]))
    assert driver.feed(outcome(2, last=True)).words == ["Ja.", "Ja."]


# --- gaps ------------------------------------------------------------------------------------------


def test_gap_has_its_reason_and_settles_the_words_before_it() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Hej", 4.6)]), lost(1), outcome(2, [word("Nu.", 12.0)]))
    assert [(c.content.value, c.text, c.reason, c.final) for c in driver.shown] == [
        ("speech", "Hej", "", True),
        ("gap", "", "shed", True),
        ("speech", "Nu.", "", True),
    ]


def test_adjacent_gaps_are_merged() -> None:
    driver = SeamDriver().feed(lost(0), lost(1), lost(2))
    assert [(c.start_s, c.end_s, c.final) for c in driver.shown] == [(0.0, 15.0, False)]
    driver.feed(lost(3, "failed"), outcome(4, [word("Nu.", 22.0)]))
    assert [(c.start_s, c.end_s, c.reason, c.final) for c in driver.shown[:2]] == [
        (0.0, 15.0, "shed", True),
        (15.0, 20.0, "failed", True),
    ]


@pytest.mark.parametrize("tail_s", [0.0, 5.0])
def test_gap_ends_where_words_that_the_next_window_repeats_begin(tail_s: float) -> None:
    driver = SeamDriver().feed(lost(0), outcome(1, [word("ett", 4.3), word("två", 5.2)], tail_s=tail_s))
    gap = next(caption for caption in driver.captions if caption.content is Content.GAP and caption.final)
    assert (gap.start_s, gap.end_s, driver.text) == (0.0, 4.3, "ett två")


def test_a_gap_at_the_end_of_a_job_is_final_too() -> None:
    driver = SeamDriver(JOB).feed(outcome(0, [word("Hej", 2.0)]), lost(1, "failed", last=True))
    assert driver.finished
    assert [(c.content, c.final) for c in driver.captions] == [(Content.SPEECH, True), (Content.GAP, True)]


# --- attributes of captions ------------------------------------------------------------------------


def test_jobs_show_only_what_is_final() -> None:
    driver = SeamDriver(JOB).feed(*numbered(5), outcome(5, last=True))
    assert [(c.text, c.revision, c.final) for c in driver.captions] == [(f"{n}.", 0, True) for n in range(5)]


def test_captions_have_the_attributes_of_their_audio() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Hej", 4.5)]), outcome(1, [word("Hej", 4.5), word("du.", 5.0)]))
    assert [c.captured_s for c in driver.captions] == [1005.0, 1010.0]


# --- repetitions -----------------------------------------------------------------------------------


def thanks(at_s: float) -> list[Word]:
    return [
        Word("Thanks", at_s, at_s + 0.4),
        Word("for", at_s + 0.4, at_s + 0.6),
        Word("watching!", at_s + 0.6, at_s + 1),
    ]


def test_doubtful_repetition_is_rejected() -> None:
    heard = [outcome(n, thanks(n * CHUNK_S + 2), doubtful=True) for n in range(6)]
    driver = SeamDriver().feed(*heard, outcome(6, last=True))
    assert driver.text == "Thanks for watching!"
    assert driver.rejections == ["repeated"] * 5


def test_confident_repetition_is_kept() -> None:
    driver = SeamDriver().feed(*(outcome(n, thanks(n * CHUNK_S + 2)) for n in range(3)), outcome(3, last=True))
    assert driver.text == " ".join(["Thanks for watching!"] * 3)
    assert driver.rejections == []


def test_doubtful_text_in_two_overlapping_windows_is_kept() -> None:
    overlap = thanks(CHUNK_S - 1.0)
    heard = [outcome(0, overlap, doubtful=True), outcome(1, overlap, doubtful=True), outcome(2, last=True)]
    assert SeamDriver().feed(*heard).text == "Thanks for watching!"


def test_rejected_repetitions_do_not_depend_on_the_order() -> None:
    heard = [outcome(n, thanks(n * CHUNK_S + 2), doubtful=n != 2) for n in range(6)] + [outcome(6, last=True)]
    expected = SeamDriver().feed(*heard)
    for seed in range(20):
        shuffled = heard[1:]
        random.Random(seed).shuffle(shuffled)
        driver = SeamDriver().feed(heard[0], *shuffled)
        assert driver.text == expected.text
        assert driver.rejections == expected.rejections
