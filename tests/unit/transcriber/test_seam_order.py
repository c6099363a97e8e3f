"""The seam with chunks out of order: what waits for what, for how long, and across epochs."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.transcriber.seams import JOB, MICROPHONE, STATION, SeamDriver, again, numbered, outcome, word
from transcriber.joining.policy import Policy
from transcriber.joining.seam import advance
from transcriber.joining.source_state import PATIENCE_S
from wire.messages import Content

# --- chunks ----------------------------------------------------------------------------------------


def test_early_chunk_waits_for_earlier_ones() -> None:
    first, second, third = numbered(3)
    driver = SeamDriver().feed(third, second)
    assert driver.captions == []
    assert driver.feed(first).words == ["0.", "1.", "2."]


def test_duplicate_chunk_changes_nothing() -> None:
    first, second, third = numbered(3)
    driver = SeamDriver().feed(first, third)
    assert advance(driver.state, [first], STATION, 0.0) is None
    assert advance(driver.state, [third], STATION, 0.0) is None
    driver.feed(second)
    assert all(advance(driver.state, [late], STATION, 0.0) is None for late in (first, second, third))


def test_missing_live_chunk_is_declared_lost_after_the_maximum_lag() -> None:
    chunks = numbered(40)
    driver = SeamDriver(Policy("stations/demo", max_lag_s=60.0)).feed(*chunks[:3], *chunks[4:30])
    driver.wait(59.0).feed(chunks[30])
    assert driver.words == ["0.", "1.", "2."], "minutes of audio after it are no reason: it may be a backlog"
    driver.wait(1.0).feed(chunks[31])
    gap = next(c for c in driver.shown if c.content is Content.GAP)
    assert (gap.start_s, gap.end_s, gap.reason, gap.final) == (15.0, 20.0, "lost", True)
    assert driver.words == [f"{n}." for n in range(32) if n != 3]
    assert advance(driver.state, [chunks[3]], STATION, 0.0) is None, "the late chunk is ignored"


def test_job_waits_for_a_missing_chunk() -> None:
    chunks = numbered(40)
    driver = SeamDriver(JOB).feed(*chunks[1:])
    assert driver.captions == []
    assert driver.feed(chunks[0]).words == [f"{n}." for n in range(40)]


def test_source_without_state_continues_with_the_current_chunk() -> None:
    chunks = numbered(60)
    driver = SeamDriver().feed(*chunks[50:52])
    assert driver.captions == [], "another worker may still have an earlier one"
    assert driver.wait(PATIENCE_S).feed(chunks[52]).words == ["50.", "51.", "52."]
    assert all(c.content is Content.SPEECH for c in driver.shown)


def test_chunks_missing_at_the_beginning_of_an_epoch_leave_a_gap() -> None:
    old = [outcome(0, [word("Hej.", 1.0)], last=True)]
    driver = SeamDriver().feed(*old, *again(numbered(20))[2:14]).wait(60.0).feed(*again(numbered(20))[14:15])
    gap = driver.shown[1]
    assert (gap.content, gap.start_s, gap.end_s, gap.reason) == (Content.GAP, 5.0, 110.0, "lost")
    assert driver.words[:2] == ["Hej.", "2."]


def test_progress_is_that_of_the_captions() -> None:
    first, second, third = numbered(3)
    result = advance(None, [first], STATION, 0.0)
    assert result is not None
    assert (result.epoch, result.next_seq, result.until_s, result.finished) == (1, 1, 5.0, False)
    parked = advance(result.state, [third], STATION, 0.0)
    assert parked is not None
    assert (parked.next_seq, parked.until_s, parked.captions) == (1, 5.0, ())
    whole = advance(parked.state, [second], STATION, 0.0)
    assert whole is not None
    assert (whole.next_seq, whole.until_s) == (3, 15.0)


# --- epochs ----------------------------------------------------------------------------------------


def test_new_epoch_settles_the_old_one_and_continues_caption_ids() -> None:
    old = [outcome(0, [word("Vi", 4.3), word("kommer", 4.6)], last=True)]
    driver = SeamDriver().feed(*old, *again(numbered(1), after_s=5.0))
    assert [(c.id, c.epoch, c.text, c.final) for c in driver.shown] == [
        (1, 1, "Vi kommer", True),
        (2, 2, "0.", True),
    ]
    assert not driver.finished, "a station continues"


def test_time_between_two_epochs_is_a_gap() -> None:
    old = [outcome(0, [word("Vi", 4.3), word("kommer", 4.6)], last=True)]
    driver = SeamDriver().feed(*old, *again(numbered(1)))
    assert [(c.id, c.content, c.start_s, c.end_s, c.reason, c.text, c.final) for c in driver.shown[1:]] == [
        (2, Content.GAP, 5.0, 100.0, "away", "", True),
        (3, Content.SPEECH, 102.5, 102.8, "", "0.", True),
    ]
    for quiet in (Content.SILENCE, Content.MUSIC):
        silent = [replace(o, content=quiet, parts=()) for o in again(numbered(1))]
        assert SeamDriver().feed(*old, *silent).shown[1].final, "it does not wait for speech"
    lost = [replace(o, content=Content.GAP, reason="shed", parts=()) for o in again(numbered(1))]
    assert [c.reason for c in SeamDriver().feed(*old, *lost).shown[1:]] == ["away", "shed"]


def test_epochs_that_meet_or_overlap_leave_no_gap() -> None:
    old = [outcome(0, [word("Hej.", 1.0)], last=True)]
    for after_s in (2.0, 5.0, 6.0):  # a server repeats buffered audio; two clocks differ a little
        driver = SeamDriver().feed(*old, *again(numbered(1), after_s=after_s))
        assert [c.content for c in driver.shown] == [Content.SPEECH] * 2
    assert not [c for c in SeamDriver().feed(*again(numbered(2), epoch=7)).shown if c.reason], "the first one seen"


def test_new_epoch_waits_for_the_end_of_the_old_one() -> None:
    first, second, third = numbered(3)
    third = replace(third, last=True)
    driver = SeamDriver().feed(first, *again(numbered(2)), third)
    assert driver.words == ["0."]
    assert driver.feed(second).words == ["0.", "1.", "2.", "0.", "1."]


def test_epoch_without_an_end_is_abandoned() -> None:
    new = again(numbered(6))
    driver = SeamDriver().feed(*numbered(2), *new[:4]).wait(PATIENCE_S - 1).feed(new[4])
    assert driver.words == ["0.", "1."]
    assert driver.wait(1.0).feed(new[5]).words == ["0.", "1.", *(f"{n}." for n in range(6))]


def test_last_chunk_of_a_source_does_not_wait_for_an_unended_epoch() -> None:
    """For a microphone closed soon after its ingest worker died, no later chunk could end the wait."""
    for last in (1, 2):
        new = again(numbered(last))
        end = outcome(last, epoch=2, start_s=120.0, end_s=120.0, lead_s=0.0, parts=(), last=True)
        driver = SeamDriver(MICROPHONE).feed(outcome(0, [word("Slut", 4.5)]), *new, end)
        assert driver.words == ["Slut", *(f"{n}." for n in range(last))]
        assert driver.finished
        assert all(caption.final for caption in driver.shown)


def test_epoch_has_the_length_that_the_next_one_states() -> None:
    first, second, third = numbered(3)
    begin, *more = again(numbered(2))
    begin = replace(begin, follows=(1, 2))
    end = outcome(2, epoch=2, start_s=120.0, end_s=120.0, lead_s=0.0, parts=(), last=True)
    assert SeamDriver().feed(first, second, begin).words == ["0.", "1.", "0."], "it does not wait"
    driver = SeamDriver(MICROPHONE).feed(first, begin, *more, end)
    assert driver.words == ["0."]
    assert driver.feed(second, third).words == ["0.", "1.", "0.", "1."], "queued chunks are not abandoned"
    assert driver.finished
    assert SeamDriver(MICROPHONE).feed(*more, end, begin, second, first).words == ["0.", "1."]


def test_completely_overtaken_epoch_is_not_abandoned() -> None:
    (first,), (second,), (third,) = (numbered(1), again(numbered(1)), again(numbered(1), epoch=3, after_s=200.0))
    first, second = replace(first, last=True), replace(second, follows=(1, 1))
    driver = SeamDriver().feed(first, replace(third, follows=(2, 1)))
    assert driver.words == ["0."]
    assert driver.feed(second).words == ["0.", "0.", "0."]


def test_late_chunks_of_an_old_epoch_are_ignored() -> None:
    first, second = numbered(2)
    driver = SeamDriver().feed(replace(first, last=True), *again(numbered(1)))
    assert advance(driver.state, [second], STATION, 0.0) is None


def test_a_source_first_seen_in_a_later_epoch_starts_there() -> None:
    assert SeamDriver().feed(*again(numbered(1), epoch=7)).words == ["0."]


def test_jobs_and_microphones_finish_with_their_last_chunk() -> None:
    for policy in (JOB, MICROPHONE):
        driver = SeamDriver(policy).feed(*numbered(1), outcome(1, [word("Slut", 9.5)], last=True))
        assert driver.finished
        assert [(c.text, c.final) for c in driver.shown] == [("0.", True), ("Slut", True)]
        assert advance(driver.state, [outcome(2)], policy, 0.0) is None


def test_an_end_mark_without_audio_settles_everything() -> None:
    end = replace(outcome(1, last=True), start_s=5.0, end_s=5.0, lead_s=0.0)
    driver = SeamDriver(MICROPHONE).feed(outcome(0, [word("Slut", 4.5)]), end)
    assert [(c.text, c.final) for c in driver.shown] == [("Slut", True)]
