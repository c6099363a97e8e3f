"""Previews: the seam shows partial chunks, with no other effect unless their complete chunk is lost."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcriber.seams import (
    CHUNK_S,
    EXAMPLES,
    MICROPHONE,
    STATION,
    SeamDriver,
    in_parts,
    lost,
    outcome,
    part,
    word,
    words_of,
)
from tests.unit.transcriber.test_seam_any_speech import speech, told_apart, windows
from transcriber.joining.policy import Policy
from transcriber.joining.seam import preview
from transcriber.joining.source_state import PATIENCE_S
from transcriber.outcome import Outcome
from wire.messages import Caption, Content, Word


class Reader(SeamDriver):
    """A live viewer."""

    @property
    def late(self) -> SeamDriver:
        """A viewer who joins now, and gets the captions in the log."""
        other = SeamDriver(self.policy)
        other.captions = [caption for caption in self.captions if caption not in self.ahead]
        return other

    def __init__(self, policy: Policy = STATION) -> None:
        super().__init__(policy)
        self.ahead: list[Caption] = []

    def read(self, *partial: Outcome) -> list[Caption]:
        """Preview partial chunks; return the captions shown."""
        shown: list[Caption] = []
        for one in partial:
            if result := preview(self.state, one, self.policy):
                self.state = result.state
                for caption in result.captions:
                    self._check(caption)
                    assert not caption.final
                    self.captions.append(caption)
                shown += result.captions
        self.ahead += shown
        return shown


def partial(seq: int, length_s: float, words: Iterable[Word], **changes: object) -> Outcome:
    """The first seconds of a chunk."""
    end_s = seq * CHUNK_S + length_s
    return outcome(seq, words, end_s=end_s, tail_s=length_s, captured_s=1000.0 + end_s, **changes)


def test_preview_shows_all_words_except_one_that_may_be_cut() -> None:
    reader = Reader()
    assert [c.text for c in reader.read(partial(0, 1.25, [word("God", 0.2), word("mor", 1.0)]))] == ["God"]
    assert [c.text for c in reader.read(partial(0, 2.5, [word("God", 0.2), word("morgon", 1.0)]))] == ["God morgon"]
    reader.feed(outcome(0, [word("God", 0.2), word("morgon.", 1.0)]))
    assert reader.text == "God morgon."


def test_previewed_words_missing_from_the_complete_chunk_are_withdrawn() -> None:
    reader = Reader()
    reader.read(partial(0, 2.5, [word("brus", 0.5)]))
    reader.feed(outcome(0))
    assert reader.text == ""


def test_preview_continues_after_provisional_words() -> None:
    reader = Reader()
    reader.feed(outcome(0, [word("ett", 3.0), word("två", 4.5)]))
    reader.read(partial(1, 1.25, [word("två", 4.5), word("tre", 5.3)]))
    assert reader.text == "ett två tre"


def test_late_early_or_shorter_preview_shows_nothing() -> None:
    reader = Reader()
    assert not reader.read(partial(1, 1.25, [word("ett", 5.3)])), "the text before it is not known yet"
    reader.feed(outcome(0, [word("noll", 2.0)]))
    assert not reader.read(partial(0, 2.5, [word("noll", 2.0)]))
    assert not reader.read(partial(2, 1.25, [word("två", 10.3)]))
    assert reader.read(partial(1, 2.5, [word("ett", 5.3), word("och", 6.3)]))
    assert not reader.read(partial(1, 1.25, [word("ett", 5.3)])), "another worker was slower"
    assert not reader.read(partial(1, 1.25, [word("ett", 105.3)], epoch=2, start_s=105.0))


def test_clock_set_back_by_a_reconnection_does_not_hide_previews() -> None:
    reader = Reader()
    reader.feed(outcome(0, [word("noll", 2.0)]))
    reader.read(partial(1, 4.0, [word("ett", 5.3)]))
    reader.feed(outcome(1, [word("ett", 5.3)], last=True))
    reader.feed(outcome(0, [word("två", 1.5)], epoch=2, start_s=0.5, end_s=5.5))
    assert reader.read(partial(1, 1.5, [word("tre", 5.7)], epoch=2, start_s=5.5))


def test_another_language_is_not_previewed() -> None:
    reader = Reader()
    reader.feed(outcome(0, parts=(part([word("hej", 2.0)], "sv", 0.99),)))
    english = (part([word("now", 5.3), word("the", 5.8), word("news", 6.2)], "en", 0.99),)
    state = reader.state
    assert not reader.read(partial(1, 2.5, (), parts=english))
    assert reader.state == state


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000), policy=st.sampled_from([STATION, MICROPHONE]))
def test_final_captions_do_not_depend_on_previews(words: list[Word], seed: int, policy: Policy) -> None:
    rng = random.Random(seed)
    whole, plain, reader = windows(words, 0.2, True, rng), SeamDriver(policy), Reader(policy)
    for one in whole:
        for _ in range(rng.randrange(4)):
            length_s = rng.uniform(0.5, CHUNK_S)
            heard = [w for w in words_of(one) if w.end_s < one.start_s + length_s and rng.random() < 0.9]
            reader.read(partial(one.seq, length_s, heard, lead_s=one.lead_s))
        plain.feed(one)
        reader.feed(one)
    assert [replace(c, revision=0) for c in reader.captions if c.final and c.text] == [
        replace(c, revision=0) for c in plain.captions if c.final and c.text
    ]
    assert reader.text == plain.text


def test_previewed_caption_is_logged_with_the_chunk_even_if_unchanged() -> None:
    reader = Reader()
    words = [word("ett", 0.5), word("två", 4.2)]
    reader.read(partial(0, 4.9, words))
    reader.feed(outcome(0, words))
    assert reader.late.text == reader.text == "ett två"


def test_viewer_who_joins_between_two_previews_misses_no_line() -> None:
    reader, late = Reader(), SeamDriver()
    reader.read(partial(0, 2.5, [word("Ett.", 0.5), word("Två.", 1.8)]))
    late.captions = reader.read(partial(0, 3.75, [word("Ett.", 0.5), word("Två.", 1.8), word("Tre.", 3.0)]))
    assert late.text == reader.text == "Ett. Två. Tre."


def test_preview_stays_while_its_chunk_is_missing_and_the_next_one_waits() -> None:
    reader = Reader()
    reader.feed(outcome(0, [word("noll", 2.0)]))
    reader.read(partial(1, 3.75, [word("ett", 5.5), word("två", 7.0)]))
    reader.feed(outcome(2, [word("tre", 12.0)]))
    assert reader.text == "noll ett två"
    reader.feed(outcome(1, [word("ett", 5.5), word("två", 7.0)]))
    assert reader.text == "noll ett två tre"


def test_turn_in_a_preview_hides_no_words_before_it() -> None:
    reader, turning = Reader(), in_parts(0, ("sv", 0.5, 3), ("en", 2.5, 3))
    assert not reader.read(partial(0, 4.9, (), parts=turning.parts))
    assert reader.feed(turning).text.split()[0] == "sv@0.5"


def test_short_preview_does_not_withdraw_words_of_the_previous_chunk() -> None:
    reader = Reader()
    words = [word("ett", 4.1), word("två", 4.65, 5.0)]
    reader.feed(outcome(0, words))
    reader.read(partial(1, 0.25, words))
    assert reader.text == "ett två"


@pytest.mark.parametrize("reason", ["shed", "failed"])
def test_previewed_words_of_a_lost_chunk_are_kept_and_its_gap_begins_after_them(reason: str) -> None:
    reader = Reader()
    reader.feed(outcome(0, [word("noll", 2.0), word("ett", 4.5)]))
    reader.read(partial(1, 2.5, [word("ett", 4.5), word("två", 5.3), word("tre", 6.8), word("fy", 7.4)]))
    reader.feed(lost(1, reason), outcome(2, [word("fem", 12.0)]))
    assert reader.text == reader.late.text == "noll ett två tre fem"
    (gap,) = [caption for caption in reader.captions if caption.content is Content.GAP and caption.final]
    assert (gap.start_s, gap.end_s) == (7.5, 10.0)


def test_previewed_words_of_a_first_chunk_are_kept_with_their_language_and_model_if_it_is_lost() -> None:
    reader = Reader()
    japanese = (part([word("今日", 0.5), word("は", 1.0), word("晴れ", 1.5)], "ja", 0.99),)
    [shown] = reader.read(partial(0, 2.5, (), parts=japanese, model="m"))
    reader.feed(lost(0), outcome(1, parts=(part([word("です", 6.0)], "ja", 0.99),)))
    kept = reader.shown[0]
    assert (kept.text, kept.language, kept.model, kept.final) == ("今日は晴れ", "ja", "m", True)
    assert (shown.text, shown.language, shown.model) == (kept.text, kept.language, kept.model)


@pytest.mark.parametrize("seq", [0, 1])
def test_previewed_words_are_kept_if_their_chunk_never_arrives(seq: int) -> None:
    reader = Reader()
    reader.feed(*[outcome(0, [word("noll", 2.0)])][:seq])
    reader.read(partial(seq, 2.5, [word("ett", 5.0 * seq + 0.5)]))
    reader.feed(outcome(seq + 1, [word("två", 5.0 * seq + 7.0)])).wait(STATION.max_lag_s)
    reader.feed(outcome(seq + 2, [word("tre", 5.0 * seq + 12.0)]))
    assert reader.text == "noll ett två tre".removeprefix("noll " * (1 - seq))
    (gap,) = [caption for caption in reader.shown if caption.content is Content.GAP]
    assert (gap.start_s, gap.end_s, gap.reason) == (5.0 * seq + 2.5, 5.0 * seq + 5.0, "lost")


@pytest.mark.parametrize("begins", [lost(0, epoch=2, start_s=100.0, end_s=105.0), None])
def test_previewed_words_of_an_epoch_that_is_lost_as_a_whole_are_kept(begins: Outcome | None) -> None:
    reader = Reader()
    reader.read(partial(0, 2.5, [word("ett", 0.5)]))
    reader.feed(begins or outcome(0, [word("två", 102.0)], epoch=2, start_s=100.0, end_s=105.0))
    reader.feed(outcome(1, [word("tre", 107.0)], epoch=2, start_s=105.0, end_s=110.0))
    assert reader.text == ("ett tre" if begins else "ett två tre")
    first, *gaps = (c for c in reader.shown if c.content is Content.GAP or c.text == "ett")
    assert (first.text, first.epoch, first.final) == ("ett", 1, True)
    away = (2.5, 100.0, "away")
    assert [(c.start_s, c.end_s, c.reason) for c in gaps] == ([away, (100.0, 105.0, "shed")] if begins else [away])


def test_gap_of_a_moment_is_not_marked() -> None:
    reader = Reader()
    reader.read(partial(0, 4.95, [word("ett", 0.5)]))
    reader.feed(lost(0), outcome(1, [word("två", 6.0)]))
    reader.read(partial(2, 3.0, [word("tre", 11.0)]))
    reader.feed(lost(2), outcome(3, [word("fyra", 13.05)], start_s=13.0))
    assert reader.text == "ett två tre fyra"
    assert not [caption for caption in reader.shown if caption.content is Content.GAP]


def test_previewed_words_are_kept_if_their_epoch_is_abandoned() -> None:
    reader = Reader()
    reader.feed(outcome(0, [word("noll", 2.0), word("ett", 4.5)]))
    reader.read(partial(1, 2.5, [word("ett", 4.5), word("två", 5.5)]))
    other = outcome(0, [word("tre", 20.5)], epoch=2, start_s=20.0, end_s=25.0)
    reader.feed(other).wait(PATIENCE_S)
    reader.feed(replace(other, seq=1, start_s=25.0, end_s=30.0, parts=(part([word("fyra", 26.0)]),)))
    assert reader.text == "noll ett två tre fyra"
    (gap,) = [caption for caption in reader.captions if caption.content is Content.GAP and caption.final]
    assert (gap.start_s, gap.end_s, gap.reason) == (7.5, 20.0, "away")


@EXAMPLES
@given(words=speech(), seed=st.integers(0, 1_000_000), policy=st.sampled_from([STATION, MICROPHONE]))
def test_every_word_that_was_shown_stays_and_is_in_no_gap_whatever_is_lost(
    words: list[Word], seed: int, policy: Policy
) -> None:
    words, rng, reader = told_apart(words, math.inf), random.Random(seed), Reader(policy)
    for one in windows(words, 0.0, False, rng):
        for length_s in sorted(rng.uniform(0.5, CHUNK_S) for _ in range(rng.randrange(3))):
            reader.read(partial(one.seq, length_s, heard_by(words_of(one), one.start_s + length_s), lead_s=one.lead_s))
        seen, fate = reader.words, rng.random()
        if fate < 0.5 or one.last:
            reader.feed(lost(one.seq, last=one.last) if fate < 0.3 else one)
        elif fate < 0.7:  # it never arrives
            reader.wait(STATION.max_lag_s)
        else:
            reader.feed(one)
        assert set(seen) <= set(reader.words)
    told = [word.text for word in words]
    places = [told.index(text) for text in reader.words]
    assert places == sorted(set(places)), "in order, and none twice"
    gaps = [caption for caption in reader.shown if caption.content is Content.GAP]
    spoken = [caption for caption in reader.shown if caption.text]
    overlaps = [min(gap.end_s, c.end_s) - max(gap.start_s, c.start_s) for gap in gaps for c in spoken]
    assert max(overlaps, default=0.0) < 0.002, "in seconds, as times are rounded to milliseconds"
    assert all(gap.start_s < gap.end_s for gap in gaps)


def heard_by(words: Iterable[Word], end_s: float) -> list[Word]:
    """The words that are complete by then."""
    return [word for word in words if word.end_s <= end_s]
