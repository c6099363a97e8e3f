"""Programmes with known word times, the script for the perfect recogniser, and whole sentences."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.captions import script
from benchmarks.captions.judge import judge
from benchmarks.captions.local_agreement import stretches
from benchmarks.captions.peers import sentence_spans
from benchmarks.captions.pipeline import follow
from benchmarks.captions.programme import CONDITIONS, Programme, SpokenWord, programme, quiet, turning
from benchmarks.captions.run import Run, in_lines
from transcriber.engine import Hypothesis, Recognition
from wire.chunk import Chunk
from wire.messages import Content


@pytest.fixture(scope="module")
def swedish() -> Programme:
    return programme("sv", 3.0, seed=5)


def test_words_follow_each_other_within_the_programme_under_every_condition(swedish: Programme) -> None:
    assert swedish.duration_s >= 180
    assert {word.condition for word in swedish.words} == set(CONDITIONS)
    assert all(word.start_s < word.end_s for word in swedish.words)
    assert all(a.start_s <= b.start_s and a.sentence <= b.sentence for a, b in pairwise(swedish.words))
    assert swedish.words[-1].end_s < swedish.duration_s


def test_word_times_match_the_sound(swedish: Programme) -> None:
    clean = [word for word in swedish.words if word.condition == "clean"]
    begin_s, end_s = clean[0].start_s, clean[-1].end_s
    said = np.zeros(round((end_s - begin_s) * 16_000), bool)
    for word in clean:
        said[round((word.start_s - begin_s) * 16_000) : round((word.end_s - begin_s) * 16_000)] = True
    level = np.abs(swedish.samples_between(begin_s, end_s))[: len(said)]
    assert level[said[: len(level)]].mean() > 20 * level[~said[: len(level)]].mean()


def test_programme_is_determined_by_its_seed(swedish: Programme) -> None:
    again = programme("sv", 3.0, seed=5).words
    assert [(w.text, w.condition) for w in again] == [(w.text, w.condition) for w in swedish.words]
    # espeak-ng carries some state from previous speech.
    assert [w.start_s for w in again] == pytest.approx([w.start_s for w in swedish.words], abs=0.05)
    assert [w.text for w in programme("sv", 3.0, seed=6).words] != [w.text for w in swedish.words]


def test_quiet_stretches_have_no_speech(swedish: Programme) -> None:
    found = swedish.quiet()
    assert found
    assert not any(start_s < word.end_s and word.start_s < end_s for start_s, end_s in found for word in swedish.words)


def test_a_programme_without_speech_is_all_quiet() -> None:
    silent = quiet(0.5)
    assert silent.words == ()
    assert silent.quiet() == [(0.0, pytest.approx(silent.duration_s))]


def test_languages_alternate() -> None:
    told = turning(1.0)
    assert told.language is None
    languages = [word.language for word in told.words]
    turns = sum(a != b for a, b in pairwise(languages))
    assert set(languages) == {"sv", "en"}
    assert turns >= 6
    assert all(a.language == b.language for a, b in pairwise(told.words) if a.sentence == b.sentence)


def test_stretches_cover_the_programme_and_begin_without_speech(swedish: Programme) -> None:
    found = stretches(swedish, 4)
    assert (found[0][0], found[-1][1]) == (0.0, swedish.duration_s)
    assert [end_s for _, end_s in found[:-1]] == [start_s for start_s, _ in found[1:]]
    assert not any(word.start_s < start_s < word.end_s for start_s, _ in found for word in swedish.words)


def test_every_word_is_in_one_whole_sentence_that_fits(swedish: Programme) -> None:
    spans = list(sentence_spans(swedish.words, 4.0))
    assert all(end_s - start_s <= 4.0 for start_s, end_s in spans)
    for word in swedish.words:
        assert sum(start_s <= word.start_s + 1e-6 and word.end_s <= end_s + 1e-6 for start_s, end_s in spans) == 1


def test_a_long_sentence_is_cut_in_its_longest_pause() -> None:
    times = [(0.0, 1.0), (1.0, 2.0), (2.5, 3.5), (3.5, 4.5), (4.5, 5.5)]
    words = [SpokenWord("a", start_s, end_s, "en", True, "clean", 0) for start_s, end_s in times]
    assert list(sentence_spans(words, 4.0)) == [(0.0, 2.25), (2.25, 5.75)]


def test_seam_reproduces_a_script() -> None:
    source = next(script.sources(50))
    found = judge(source, follow(source, partial(script.perfect, source, 1), None))
    assert found.borders > 30
    assert (found.lost, found.doubled) == (0, 0)


def test_concatenation_without_the_seam_loses_doubles_and_cuts_words() -> None:
    """Scoring detects the errors that the seam corrects, in the concatenated texts of the windows."""
    source, live = next(script.sources(50)), Run()

    def hear(chunks: list[Chunk]) -> list[list[Recognition]]:
        heard = script.perfect(source, 1, chunks)
        live.events = [(c.end_s, in_lines(h.likeliest.words, "en")) for c, [h] in zip(chunks, heard, strict=True)]
        return heard

    live.borders = follow(source, hear, None).borders
    overlapping = judge(source, live)
    assert overlapping.doubled > 50

    bare: list[Chunk] = []
    follow(source, lambda chunks: bare.extend(chunks) or [[Recognition({"en": Hypothesis()})] for _ in chunks], None)
    without_lead = [Chunk(c.source, 1, c.seq, c.start_s, c.n_samples, bytes(2 * c.n_samples)) for c in bare]
    hear(without_lead)
    live.borders = [(c.start_s, c.start_s) for c in without_lead]
    meeting = judge(source, live)
    assert meeting.lost + meeting.cut > 10


def test_skipped_beginning_of_a_chunk_counts_as_withheld(swedish: Programme) -> None:
    class Late:
        onset_samples = 2 * 16_000
        now = Content.SPEECH

        def __call__(self, new: bytes) -> Content:
            return Content.SPEECH if new else Content.SILENCE

    run = follow(swedish, lambda chunks: [[Recognition({"sv": Hypothesis()})] for _ in chunks], Late)
    assert run.withheld[:2] == [(0.0, pytest.approx(1.6)), (5.0, pytest.approx(6.6))]
    withheld_s = sum(end_s - start_s for start_s, end_s in run.withheld)
    assert run.sent_s + withheld_s == pytest.approx(swedish.duration_s)
