"""The short-context benchmark, with one step: it breaks a model, repairs it and evaluates it as documented."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.training.short_context import REPAIRS, SHORT_S, SIZE, RepairedModel, repair_table, repairs
from benchmarks.training.tones import WORDS_HZ, tones
from trainer.corpus.clips import Corpus
from trainer.examples import SAMPLE_RATE

#: It trains four models, on a possibly busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return tones(tmp_path_factory.mktemp("corpora") / "tones", train=16, test=8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def found(corpus: Corpus, runs: Path, one_thread: None) -> list[RepairedModel]:
    return list(repairs(corpus, runs, epochs=1, step_counts=(1,)))


def test_clip_matches_its_text_and_fits_the_short_window(corpus: Corpus) -> None:
    for clip in corpus.clips:
        audio = corpus.audio(clip)
        assert clip.duration_s < SHORT_S
        first = np.abs(np.fft.rfft(audio[: SAMPLE_RATE // 10]))
        heard_hz = first.argmax() * 10
        assert heard_hz == pytest.approx(WORDS_HZ[clip.text.split()[0]], rel=0.06)
    assert len({len(clip.text.split()) for clip in corpus.clips}) > 3


def test_each_repair_begins_with_the_same_broken_model_and_has_its_share(
    found: list[RepairedModel], runs: Path
) -> None:
    assert [(each.name, each.steps) for each in found] == [("broken", 0), *((name, 1) for name in REPAIRS)]
    full = json.loads((runs / "full" / "plan.json").read_text())["plan"]
    assert full["batches"]["shape"]["least_s"] == SIZE.context_s, "everything is padded"
    plans = [json.loads((runs / f"{name.replace(' ', '-')}-1" / "plan.json").read_text()) for name in REPAIRS]
    assert [plan["plan"]["weights"]["matching"] for plan in plans] == list(REPAIRS.values())
    assert len({plan["model"]["fingerprint"] for plan in plans}) == 1
    assert {plan["plan"]["batches"]["shape"]["most_s"] for plan in plans} == {SHORT_S}


def test_all_are_judged_on_the_same_clips_at_both_contexts(found: list[RepairedModel]) -> None:
    for each in found:
        assert {(c.context, c.context_s) for c in each.evaluation.conditions} == {("full", 6.0), ("short", SHORT_S)}
    rows, figures = repair_table(found)
    assert [row["of"] for row in rows] == ["broken", "plain, 1 steps", "ACFT alone, 1 steps", "both, 1 steps"]
    assert rows[0]["short, against plain"] == rows[1]["short, against plain"] == ""
    assert " to " in str(rows[2]["short, against plain"])
    assert set(figures) == {f"repair_wer_percent_{name}" for name in ("broken", "plain_1", "acft_alone_1", "both_1")}
    assert figures["repair_wer_percent_broken"] == found[0].clean("short").summary.wer_percent
