"""A local search: outcomes of its trials, failures and resuming."""

from __future__ import annotations

import errno
import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.unit.trainer.tuning.searches import FakeTraining, error_rate, search, spec_in
from trainer.errors import PlanError, TrainerError
from trainer.reports.run import write_report
from trainer.run_folder import read_run
from trainer.training.options import Options
from trainer.training.train import OnMeasure, Outcome, train_run
from trainer.tuning import trial
from trainer.tuning.journal import local_storage
from trainer.tuning.results import best_command, failures, ranked
from trainer.tuning.running import LocalRunner, run_search
from trainer.tuning.study import begin, trials_of


def test_a_grid_is_searched_to_its_end_and_the_best_keeps_its_weights(
    fake: FakeTraining, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = search(spec_in(tmp_path, search="grid", trials=None))
    assert "12/12" in capsys.readouterr().err
    assert len(fake.runs) == len({(run.learning_rate, run.dropout) for run in fake.runs}) == 12
    best = ranked(study)[0]
    assert (best.params["dropout"], best.value) == (0.2, min(error_rate(run) for run in fake.runs))
    kept = sorted(path.parent.name for path in tmp_path.glob("study/*/checkpoint.pt"))
    assert kept == [f"trial-{best.number:04d}"]
    assert len(list(tmp_path.glob("study/*/best"))) == 1
    assert shlex.split(best_command(study) or "")[:7] == [
        *("python", "-m", "trainer", "train", "/corpora/tones", "--model", "tiny")
    ]


def test_all_weights_are_kept_if_asked(fake: FakeTraining, tmp_path: Path) -> None:
    search(spec_in(tmp_path, trials=3), keep_all=True)
    assert len(list(tmp_path.glob("study/*/best"))) == 3


def test_keep_all_is_remembered_when_a_study_is_resumed(fake: FakeTraining, tmp_path: Path) -> None:
    search(spec_in(tmp_path, trials=3), keep_all=True)
    search(spec_in(tmp_path, trials=4))
    assert len(list(tmp_path.glob("study/*/best"))) == 4


def test_a_complete_study_can_be_extended(fake: FakeTraining, tmp_path: Path) -> None:
    search(spec_in(tmp_path, trials=3))
    search(spec_in(tmp_path, trials=3))
    assert len(fake.runs) == 3
    study = search(spec_in(tmp_path, trials=5))
    assert [found.number for found in trials_of(study)] == [0, 1, 2, 3, 4]
    assert len(fake.runs) == 5


def test_an_interrupted_trial_is_resumed(fake: FakeTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: Options, on_measure: OnMeasure | None) -> Outcome:
        if len(fake.runs) == 2:
            fake.runs.append(options)
            raise KeyboardInterrupt
        return fake(options, on_measure)

    monkeypatch.setattr(trial, "train_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(spec_in(tmp_path, trials=4))
    study = search(spec_in(tmp_path, trials=4))
    assert [found.state for found in trials_of(study)] == [TrialState.COMPLETE] * 4
    assert fake.runs[2] == fake.runs[3], "the same options, in the same folder"
    assert len(fake.runs) == 5


def test_a_trial_worse_than_the_others_is_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = 0

    def training(options: Options, on_measure: OnMeasure | None) -> Outcome:
        nonlocal heard
        rate = 90.0 if options.run.name == "trial-0004" else 10.0
        for done in (0.25, 0.5, 0.75, 1.0):
            heard += 1
            assert on_measure
            on_measure(done, {"dev_wer_percent": rate, "dev_loss": 1.0})
        return Outcome(4, rate, options.run)

    monkeypatch.setattr(trial, "train_run", training)
    study = search(spec_in(tmp_path, trials=6, prune="median"))
    states = [found.state for found in trials_of(study)]
    assert states == [*[TrialState.COMPLETE] * 4, TrialState.PRUNED, TrialState.COMPLETE]
    assert heard == 5 * 4 + 2
    assert ranked(study)[-1].number == 4


@pytest.mark.parametrize(
    ("error", "loss", "reason"),
    [
        (RuntimeError("CUDA out of memory.\nTried to"), 1.0, "RuntimeError: CUDA out of memory."),
        (PlanError("too few clips"), 1.0, "too few clips"),
        (None, math.nan, "it diverged: the loss is NaN or infinite after 25 % of the training"),
    ],
)
def test_a_failed_trial_has_a_reason_and_the_search_continues(
    error: Exception | None,
    loss: float,
    reason: str,
    fake: FakeTraining,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(options: Options, on_measure: OnMeasure | None) -> Outcome:
        if options.run.name == "trial-0001":
            assert on_measure
            on_measure(0.25, {"dev_wer_percent": 99.0, "dev_loss": loss})
            if error:
                raise error
        return fake(options, on_measure)

    monkeypatch.setattr(trial, "train_run", failing)
    study = search(spec_in(tmp_path, trials=4))
    failed = trials_of(study)[1]
    assert [found.state for found in trials_of(study)].count(TrialState.COMPLETE) == 3
    assert failures(study) == [(str(failed.number), reason)]


def test_a_search_whose_trials_all_fail_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(options: Options, on_measure: OnMeasure | None) -> Outcome:
        raise PlanError("the corpus has no split dev")

    monkeypatch.setattr(trial, "train_run", failing)
    with pytest.raises(TrainerError, match="all of the first 3 trials failed: the corpus has no split dev"):
        search(spec_in(tmp_path))


def test_a_search_of_few_trials_that_all_fail_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(options: Options, on_measure: OnMeasure | None) -> Outcome:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(trial, "train_run", failing)
    with pytest.raises(TrainerError, match="none of 2 trials has a result: RuntimeError: out of memory"):
        search(spec_in(tmp_path, trials=2))


def test_a_search_stops_after_many_failures_in_a_row_and_can_be_resumed(
    fake: FakeTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(options: Options, on_measure: OnMeasure | None) -> Outcome:
        if fake.runs:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fake(options, on_measure)

    monkeypatch.setattr(trial, "train_run", full)
    with pytest.raises(
        TrainerError, match=r"the last 5 trials failed: .*trial-0005: the disk is full: free some space"
    ):
        search(spec_in(tmp_path, trials=12))
    monkeypatch.setattr(trial, "train_run", fake)
    states = [found.state for found in trials_of(search(spec_in(tmp_path, trials=8)))]
    assert states == [TrialState.COMPLETE, *[TrialState.FAIL] * 5, *[TrialState.COMPLETE] * 2]


def test_a_trial_resumes_in_its_initial_precision(fake: FakeTraining, tmp_path: Path) -> None:
    spec = spec_in(tmp_path, trials=1)
    study = begin(local_storage(spec.folder), spec)
    run = spec.folder / "trial-0000"
    run.mkdir()
    (run / "plan.json").write_text('{"plan": {"precision": "bf16"}}')
    run_search(study, spec, LocalRunner())
    assert [each.precision for each in fake.runs] == ["bf16"]


def test_machine_options_may_change_when_a_study_is_resumed(fake: FakeTraining, tmp_path: Path) -> None:
    spec = spec_in(tmp_path, trials=1)
    search(spec)
    search(replace(spec, trials=2, fixed={**spec.fixed, "workers": 3, "checkpoint_every_s": 20.0}))
    assert [each.workers for each in fake.runs] == [None, 3]
    assert fake.runs[1].checkpoint_every_s == 20.0


def test_the_metric_that_a_trial_is_pruned_for_is_logged(corpus: Path, checkpoint: Path, tmp_path: Path) -> None:
    def pruned(done: float, found: Mapping[str, float]) -> None:
        raise optuna.TrialPruned

    options = Options(corpus, str(checkpoint), tmp_path / "run", epochs=1, batch=16, measures=2, workers=0)
    with pytest.raises(optuna.TrialPruned):
        train_run(options, pruned)
    assert len(read_run(options.run).series("dev_wer_percent")) == 1
    assert "Word error rate on dev" in write_report(options.run).read_text()
