"""The complete captions benchmark, on a few sentences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.captions import rows
from benchmarks.captions.__main__ import measure, measure_turning
from benchmarks.captions.judge import Tally
from benchmarks.captions.run import Meter, one_thread
from transcriber.whisper.model import load
from transcriber.whisper.transformers_engine import TransformersEngine

PROMISED = (
    *("seam_penalty_points", "naive_penalty_points", "localagreement_penalty_points"),
    *("border_words_lost_per_10k", "border_words_doubled_per_10k"),
    *("seam_border_words_lost_per_10k", "seam_border_words_doubled_per_10k"),
    *("waiting_border_words_lost_per_10k", "waiting_border_words_doubled_per_10k"),
    *("word_time_error_p95_s", "decoded_audio_ratio", "false_captions_per_hour", "speech_withheld_percent"),
    *("first_shown_p95_s", "final_p95_s", "revisions_per_word"),
)


@pytest.fixture(scope="module")
def tallies() -> dict[str, Tally]:
    one_thread()
    return measure(Meter(TransformersEngine(load("demo/model", device="cpu"))), minutes=0.2, borders=50)


def test_every_promised_figure_is_measured_and_finite(tallies: dict[str, Tally]) -> None:
    figures = rows.figures_of(tallies)
    assert set(PROMISED) <= set(figures)
    assert all(math.isfinite(value) for value in figures.values())
    assert figures["first_shown_p95_s"] <= figures["final_p95_s"]
    assert figures["decoded_audio_ratio"] > figures["unwatched_decoded_audio_ratio"] >= 1


def test_viewers_see_words_sooner_and_the_same_final_captions(tallies: dict[str, Tally]) -> None:
    watched, unwatched = tallies[rows.OURS], tallies[rows.UNWATCHED]
    assert np.median(watched.first_shown_s) < np.median(unwatched.first_shown_s) / 2
    assert watched.errors == unwatched.errors


def test_every_row_has_the_same_reference(tallies: dict[str, Tally]) -> None:
    whole = tallies[rows.WHOLE].total.words
    assert whole > 20
    assert {tally.total.words for name, tally in tallies.items() if name not in rows.SCRIPTED} == {whole}


def test_the_tables_have_a_row_for_each_way(tallies: dict[str, Tally]) -> None:
    found = rows.table_rows(tallies)
    assert [row["row"] for row in found][:3] == [rows.OURS, rows.UNWATCHED, rows.NAIVE]
    words, disturbed = rows.columns(found, rows.WORDS), rows.columns(found, rows.DISTURBED)
    assert len(words) == len(found) == len(disturbed) + len(rows.SCRIPTED)  # the script has no conditions
    assert all(set(row) <= set(rows.WORDS) for row in words)


def test_a_programme_whose_language_turns_is_followed() -> None:
    one_thread()
    found = measure_turning(Meter(TransformersEngine(load("demo/model", device="cpu"))), minutes=1.0)
    figures = rows.turning_figures(found)
    assert [row["row"] for row in rows.turning_rows(found)] == [rows.OURS, rows.UNWATCHED, rows.NAIVE, rows.WHOLE]
    naive = found[rows.NAIVE].total.wer_percent
    assert naive is not None
    assert figures["turning_wer_percent"] < naive / 2
    assert figures["turning_mislabelled_percent"] < 10
