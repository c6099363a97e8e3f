"""The report of a study: plots, the command of the best trial, and reasons of failures."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from tests.unit.trainer.html_pages import tags_of
from trainer.__main__ import main
from trainer.tuning.pictures import Axis, history, importance, parallel, slices
from trainer.tuning.report import write_report
from trainer.tuning.search import propose
from trainer.tuning.space import parse
from trainer.tuning.study import StudySpec, begin, folder_of, trials_of

WORDS = ["learning-rate=1e-5..1e-1:log", "batch=16,32,64", "augment=none|radio,noise:0.5:0..20:<b>"]


def _study(folder: Path, complete: int, pruned: int = 0, failed: int = 0) -> optuna.Study:
    """A study in which only the learning rate matters, and one trial has a huge error rate."""
    spec = StudySpec(folder / "digits", parse(WORDS), {"corpus": "/corpora/digits", "model": "tiny", "measures": 4})
    spec.folder.mkdir()
    study = begin(InMemoryStorage(), spec)
    ends = [*[TrialState.COMPLETE] * complete, *[TrialState.PRUNED] * pruned, *[TrialState.FAIL] * failed]
    for number, state in enumerate(ends):
        params = propose(spec.space, trials_of(study), "random", 1)
        assert params
        value = 2235.0 if number == 1 else 10 + 5 * abs(math.log10(params["learning_rate"]) + 3)
        study.add_trial(
            optuna.create_trial(
                state=state,
                value=None if state == TrialState.FAIL else value,
                params=params,
                distributions=spec.space.distributions,
                user_attrs={"reason": "out of <memory>"} if state == TrialState.FAIL else {},
            )
        )
    return study


def test_the_report_is_complete(tmp_path: Path) -> None:
    study = _study(tmp_path, complete=12, pruned=3, failed=1)
    path = write_report(study, tmp_path / "digits")
    text = path.read_text()
    assert "16 trials: 12 complete, 3 pruned, 1 failed." in text
    assert f"python -m trainer train /corpora/digits --model tiny --run {tmp_path}/digits-best" in text
    assert text.count("<svg") == 3 + 3
    assert text.count("WER on dev, % (1 beyond)") == 5, "the one that babbles does not press the others together"
    assert "out of &lt;memory&gt;" in text
    assert {"table", "svg", "code"} <= tags_of(text)


def test_trials_with_metrics_have_their_own_reports(tmp_path: Path) -> None:
    study = _study(tmp_path, complete=1, pruned=1, failed=2)
    for number in (0, 1, 2):
        folder = folder_of(study, number)
        folder.mkdir()
        (folder / "plan.json").write_text('{"plan": {"utterances": 90}}')
        (folder / "metrics.jsonl").write_text('{"step": 10, "loss": 2.5}\n')
    (folder_of(study, 3)).mkdir()
    text = write_report(study, tmp_path / "digits").read_text()
    assert {"a", "table"} <= tags_of(text)
    pages = re.findall('<a href="([^"]+)">', text)
    assert sorted(pages) == [f"trial-000{number}/report.html" for number in (0, 1, 2)], "the last one learnt nothing"
    told = [(tmp_path / "digits" / page).read_text() for page in sorted(pages)]
    for page, words in zip(told, ("complete, 1", "pruned, 2235.00 %", "failed: out of &lt;memory&gt;"), strict=True):
        assert words in page
        assert "10 steps" in page
        assert "the same command resumes it" not in page
        assert "python -m trainer evaluate" not in page, "its weights are gone"
    assert main(["report", str(folder_of(study, 1))]) == 0
    assert "pruned, 2235.00 %" in (folder_of(study, 1) / "report.html").read_text(), "also when it is told anew"


def test_values_beyond_the_axis_are_arrows_with_tooltips(tmp_path: Path) -> None:
    study = _study(tmp_path, complete=12)
    last = trials_of(study)[-1]
    words = {"params": last.params, "distributions": last.distributions}
    study.add_trial(optuna.create_trial(state=TrialState.PRUNED, value=118.92, **words))
    study.add_trial(optuna.create_trial(state=TrialState.PRUNED, value=20.0, **words))
    for drawn in (history(study), *slices(study)):
        assert "<title>trial 1, complete: 2235.00 %</title>" in drawn
        assert "<title>trial 12, pruned: 118.92 %</title>" in drawn
        assert "<title>trial 13" not in drawn
        assert "(2 beyond)" in drawn
        assert ">pruned<" in drawn
    assert ">≥ " in parallel(study)


def test_a_single_trial_has_no_plots(tmp_path: Path) -> None:
    text = write_report(_study(tmp_path, complete=1, failed=1), tmp_path / "digits").read_text()
    assert "python -m trainer train" in text
    assert "<svg" not in text


def test_importance_needs_enough_trials(tmp_path: Path) -> None:
    drawn = importance(_study(tmp_path, complete=40))
    assert drawn
    assert drawn.index("learning-rate") < min(drawn.index("batch"), drawn.index("augment")), "the largest comes first"
    (tmp_path / "few").mkdir()
    assert importance(_study(tmp_path / "few", complete=7)) is None


def test_a_study_without_results_has_a_report(tmp_path: Path) -> None:
    text = write_report(_study(tmp_path, complete=0, failed=2), tmp_path / "digits").read_text()
    assert "2 trials: 2 failed." in text
    assert "<svg" not in text


@pytest.mark.parametrize(
    ("distribution", "value", "place", "ticks"),
    [
        (FloatDistribution(1e-5, 1e-3, log=True), 1e-4, 0.5, ["1e-05", "0.0001", "0.001"]),
        (FloatDistribution(0.0, 0.4), 0.1, 0.25, ["0", "0.2", "0.4"]),
        (IntDistribution(2, 10), 4, 0.25, ["2", "6", "10"]),
        (CategoricalDistribution([16, 32, 64]), 64, 1.0, ["16", "32", "64"]),
        (CategoricalDistribution(["none", "radio,noise:0.5:0..20"]), "none", 0.0, ["none", "radio,noise:0…"]),
    ],
)
def test_values_are_mapped_to_an_axis(distribution: Any, value: Any, place: float, ticks: list[str]) -> None:
    axis = Axis("name", distribution)
    assert axis.place(value) == pytest.approx(place)
    assert [words for _, words in axis.ticks] == ticks
