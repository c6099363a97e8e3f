"""The training experiments with real runs of a few steps each, on synthetic sounds."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.training import preparing, proofs
from benchmarks.training.arms import Arm
from benchmarks.training.regularisation import NONE, RUNS, regularisation
from benchmarks.training.trained import Trained, subset
from tests import whispers
from trainer.corpus.clips import Corpus, Writer, total_s
from trainer.evaluation.recogniser import load
from trainer.examples import SAMPLE_RATE
from trainer.training.clip_source import example_of

#: Each trains for some steps, on a possibly busy machine.
pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """48 clips of half a second, a third of them in each split."""
    rng = np.random.default_rng(1)
    with Writer(tmp_path_factory.mktemp("corpora") / "noises") as writer:
        for n in range(48):
            audio = (1000 * rng.standard_normal(SAMPLE_RATE // 2)).astype(np.int16)
            split = ("train", "dev", "test")[n % 3]
            about = {"accent": "ab"[n % 2], "speaker": f"s{n % 4}"}
            writer.add(audio, id=str(n), text=("one", "two")[n % 2], language="en", split=split, **about)
        return writer.finish({"sources": [{"name": "noises", "weight": 2.0}]})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(whispers.tiny(tmp_path_factory.mktemp("tiny")))


def test_a_subset_has_the_audio_of_the_whole(corpus: Corpus, tmp_path: Path) -> None:
    some = subset(corpus, corpus.clips[3:6], tmp_path / "some")
    assert [clip.id for clip in some.clips] == ["3", "4", "5"]
    np.testing.assert_array_equal(some.samples(some.clips[1]), corpus.samples(corpus.clips[4]))
    assert some.about["sources"] == corpus.about["sources"]


def test_arm_is_a_run_of_train_with_its_options_and_clips(corpus: Corpus, model: str, tmp_path: Path) -> None:
    trained = Trained(corpus, model, tmp_path, steps=2)
    clips = corpus.clips[:40]
    one = trained.train(clips, Arm(balance="accent:3", augment="gain:0.5"), seed=7)
    plan = json.loads((one.parent / "plan.json").read_text())
    assert plan["plan"]["examples"][:2] == ["gain:0.5", "accent:3"]
    assert (plan["plan"]["seed"], plan["data"]["clips"]) == (7, 40)
    examples = [example_of(clip, corpus.audio(clip)) for clip in corpus.clips[40:]]
    scores = trained.evaluate(one, examples)
    assert [score.words for score in scores] == [1] * 8
    assert load(str(one)).declared_s == 7.0


def test_regularisation_rows_come_from_each_runs_measurements(corpus: Corpus, model: str, tmp_path: Path) -> None:
    runs = {name: RUNS[name] for name in (NONE, "all")}
    found = regularisation(corpus, model, tmp_path / "runs", runs, steps=2, measure_every=2, seeds=(1, 2))
    assert list(found) == list(runs)
    for name, one in found.items():
        bests = []
        for run in one.runs:
            step, best = run.best or (0, 0.0)
            assert best == min(value for _, value in run.series("dev_wer_percent"))
            assert 1 <= step <= run.steps <= 2
            bests.append(best)
        assert one.row(name)["dev WER %: best"] == pytest.approx(sum(bests) / 2)
        assert [judged.seed for judged in one.best] == [1] * (len(one.best) // 2) + [2] * (len(one.best) // 2)
    assert [run.plan["plan"]["seed"] for run in found["all"].runs] == [1, 2]
    plans = [found[name].runs[0].plan for name in runs]
    assert [(plan["plan"]["weight_decay"], plan["model"]["dropout"]) for plan in plans] == [(0.0, 0.0), (0.1, 0.2)]
    assert plans[0]["data"]["clips"] == plans[1]["data"]["clips"] == 16
    assert "verdict" not in found[NONE].row(NONE)


@pytest.mark.parametrize("proof", [proofs.digits, proofs.resume, proofs.accents, proofs.disturbed, proofs.few_clips])
def test_measures_are_empty_with_quick_or_without_a_release(proof: object, tmp_path: Path) -> None:
    assert callable(proof)
    for digits, quick in ((None, False), (tmp_path, True)):
        found = proof(argparse.Namespace(digits=digits, quick=quick, model="demo/model"))
        assert (found.rows, found.figures) == ([], {})


def test_release_is_prepared_completely_and_hours_match_its_clips(tmp_path: Path) -> None:
    durations_s = preparing.release(tmp_path / "release", 3)
    hours = sum(durations_s.values()) / 3600
    ours = next(way for way in preparing.ways() if way.name == preparing.OURS and way.processes == 1)
    worked_s = ours.read(list(durations_s), tmp_path / "out")
    assert worked_s is not None
    assert worked_s > 0
    clips = Corpus(tmp_path / "out").clips
    assert total_s(clips) / 3600 == pytest.approx(hours, rel=0.05)
    with pytest.raises(RuntimeError, match="1 of 4 clips were dropped"):
        ours.read([*durations_s, tmp_path / "nowhere.mp3"], tmp_path / "again")


def test_peers_read_the_same_clips(tmp_path: Path) -> None:
    durations_s = preparing.release(tmp_path / "release", 2)
    peers = [replace(way, one_in=1) for way in preparing.ways() if way.name != preparing.OURS]
    assert len(peers) == 2
    found = preparing.race(tmp_path, durations_s, 1, peers)
    assert len(found) == len(peers)
    assert all(turn.at_work == turn.in_all > 0 for turns in found.values() for turn in turns)
