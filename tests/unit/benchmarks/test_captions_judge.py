"""Scoring of captions: lost, doubled, cut, late, rewritten and invented words, on known programmes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.captions.judge import NOBODY, Tally, doubled, fragment, judge, written
from benchmarks.captions.programme import Programme, SpokenWord
from benchmarks.captions.run import Run, in_lines
from wire.messages import Caption, Word

TEXT = "the mayor opened the long bridge in oxford and nobody came"


def programme(text: str = TEXT, duration_s: float = 10.0) -> Programme:
    """A word of 0.4 s every half second, from second 1; then no speech."""
    words = tuple(
        SpokenWord(word, 1 + 0.5 * i, 1.4 + 0.5 * i, "en", True, "clean", 0) for i, word in enumerate(text.split())
    )
    return Programme("p", "en", np.zeros(round(16_000 * duration_s), np.int16), words)


def timed(text: str, start_s: float = 1.0) -> list[Word]:
    return [Word(word, start_s + 0.5 * i, start_s + 0.4 + 0.5 * i) for i, word in enumerate(text.split())]


def run(*parts: list[Word], border_s: float = 3.5, at_s: tuple[float, ...] = (5.0, 10.0)) -> Run:
    """Two successive final texts, with a border between them."""
    events = [(at, in_lines(words, "en")) for at, words in zip(at_s, parts, strict=False)]
    return Run(events=events, borders=[(border_s, border_s)], decoded_s=12.0, sent_s=10.0)


def counted(*parts: list[Word], border_s: float = 3.5) -> tuple[int, int, int]:
    found = judge(programme(), run(*parts, border_s=border_s))
    return found.lost, found.doubled, found.cut


def test_reference_has_no_errors() -> None:
    found = judge(programme(), run(timed(TEXT)))
    assert (found.borders, found.lost, found.doubled, found.cut) == (1, 0, 0, 0)
    assert (found.total.wer_percent, max(found.time_errors_s)) == (0, pytest.approx(0))
    assert (found.false_captions, found.rewritten, found.words) == (0, 0, 11)


def test_a_word_that_is_missing_at_a_border_is_lost() -> None:
    assert counted(timed("the mayor opened the long"), timed("in oxford and nobody came", 4.0)) == (1, 0, 0)


def test_a_word_that_is_missing_elsewhere_is_not_lost_at_a_border() -> None:
    assert counted(timed("the mayor opened the long bridge"), timed("in oxford and came", 4.0)) == (0, 0, 0)


def test_word_that_the_model_cannot_recognise_is_not_lost() -> None:
    whole = run(timed("the mayor opened the long ridge in oxford and nobody came"))
    known = written(programme(), whole)
    live = run(timed("the mayor opened the long"), timed("in oxford and nobody came", 4.0))
    assert judge(programme(), live, known).lost == 0


@pytest.mark.parametrize("again", ["bridge", "long bridge", "opened the long bridge"])
def test_words_repeated_after_a_border_are_doubled(again: str) -> None:
    count = len(again.split())
    later = [*timed(again, 4.0 - 0.5 * count), *timed("in oxford and nobody came", 4.0)]
    in_reach = min(count, 3)  # words more than 0.7 s from the border do not count
    assert counted(timed("the mayor opened the long bridge"), later) == (0, in_reach, 0)


def test_invented_word_that_repeats_nothing_is_not_doubled() -> None:
    later = [*timed("perhaps", 3.6), *timed("in oxford and nobody came", 4.0)]
    assert counted(timed("the mayor opened the long bridge"), later) == (0, 0, 0)


@pytest.mark.parametrize("written", ["bri", "dge", "bridge dge", "bri dge"])
def test_a_fragment_at_a_border_is_a_cut_word(written: str) -> None:
    before = [*timed("the mayor opened the long"), *timed(written, 3.5)]
    found = counted(before, timed("in oxford and nobody came", 4.0))
    assert found[:2] == (0, 0)
    assert found[2] >= 1


def test_a_border_without_speech_on_both_sides_does_not_count() -> None:
    assert judge(programme(), run(timed("the mayor"), border_s=7.0)).borders == 0


def test_words_in_the_overlap_of_two_windows_are_at_the_border() -> None:
    live = run(timed("the mayor"), timed("the long bridge in oxford and nobody came", 2.5))
    assert judge(programme(), live).lost == 0
    live.borders = [(2.0, 3.5)]
    assert judge(programme(), live).lost == 1


def test_repetition_and_fragments() -> None:
    assert doubled(["a", "b", "a", "b"], 1)
    assert not doubled(["a", "b", "c", "a", "b"], 1)
    assert not doubled(["a"], 0)
    assert fragment("bri", "bridge")
    assert fragment("dge", "bridge")
    assert not fragment("bridge", "bridge")
    assert not fragment("rid", "bridge")


def test_times_of_correct_words() -> None:
    late = [Word(word.text, word.start_s + 0.1, word.end_s + 0.3) for word in timed(TEXT)]
    found = judge(programme(), run(late))
    assert sorted(found.time_errors_s) == pytest.approx([0.1] * 11 + [0.3] * 11)


def test_final_caption_without_speech_is_false() -> None:
    found = judge(programme(duration_s=70.0), run(timed(TEXT), timed("thank you for watching", 30.0)))
    assert (found.false_captions, found.by_condition[NOBODY].inserted) == (1, 4)
    assert found.quiet_s == pytest.approx(70 - 6.4 - 0.5, abs=0.01)
    assert found.total.inserted == 4


def test_caption_that_extends_beyond_speech_is_not_false() -> None:
    live = run([*timed("the mayor"), *timed("and and", 2.6)])
    assert judge(programme("the mayor", duration_s=20.0), live).false_captions == 0


def caption(text: str, *, id: int = 1, revision: int = 0, final: bool = False) -> Caption:
    words = tuple(timed(text))
    return Caption("s", id, revision, 1.0, 2.0, text, final, words=words)


def test_delays_are_measured_from_the_end_of_a_word() -> None:
    live = Run(
        events=[(5.0, (caption("the mayor"),)), (10.0, (caption("the mayor", revision=1, final=True),))],
        windows=2,
        busy_s=1.0,
    )
    found = judge(programme("the mayor"), live)
    assert found.first_shown_s == pytest.approx([5.5 - 1.4, 5.5 - 1.9])
    assert found.final_s == pytest.approx([10.5 - 1.4, 10.5 - 1.9])


def test_a_word_that_is_replaced_or_withdrawn_is_rewritten() -> None:
    live = Run(
        events=[
            (5.0, (caption("the major"), caption("of", id=2))),
            (10.0, (caption("the mayor", revision=1, final=True), caption("", id=2, revision=1))),
        ]
    )
    assert judge(programme("the mayor"), live).rewritten == 2


def test_a_caption_that_only_grows_rewrites_nothing() -> None:
    live = Run(events=[(5.0, (caption("the"),)), (10.0, (caption("the mayor", revision=1, final=True),))])
    assert judge(programme("the mayor"), live).rewritten == 0


def test_speech_that_the_detector_withholds() -> None:
    live = run(timed(TEXT))
    live.withheld = [(0.0, 1.2), (6.0, 10.0)]
    found = judge(programme(), live)
    assert (found.withheld_s, found.speech_s) == (pytest.approx(0.2 + 0.4), pytest.approx(11 * 0.4))


def test_tallies_add_up() -> None:
    one = judge(programme(), run(timed("the mayor opened")))
    both = one + one + Tally()
    assert (both.words, both.total.words, both.borders) == (6, 22, 2)
    assert both.total.wer_percent == one.total.wer_percent
    assert Tally().per_10k(0) is None
