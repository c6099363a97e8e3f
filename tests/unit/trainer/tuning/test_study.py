"""Studies in unsuitable folders, and changed studies, are refused."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest

from tests.unit.trainer.tuning.searches import FakeTraining, search, spec_in
from trainer.errors import PlanError
from trainer.folder_lock import folder_lock
from trainer.tuning.results import best_command
from trainer.tuning.space import parse


def test_a_study_is_not_created_in_a_runs_folder(fake: FakeTraining, tmp_path: Path) -> None:
    spec = spec_in(tmp_path, trials=1)
    spec.folder.mkdir(parents=True)
    (spec.folder / "plan.json").touch()
    with pytest.raises(PlanError, match="is a run of train: choose another --study"):
        search(spec)


def test_a_study_without_its_trial_folders_is_refused(fake: FakeTraining, tmp_path: Path) -> None:
    spec = spec_in(tmp_path, trials=1)
    search(spec)
    shutil.rmtree(spec.folder / "trial-0000")
    with pytest.raises(PlanError, match="lacks folders of trials of the study"):
        search(spec)


def test_a_changed_study_is_refused_and_the_options_named(fake: FakeTraining, tmp_path: Path) -> None:
    search(spec_in(tmp_path, trials=2))
    changed = parse(["learning-rate=1e-5..1e-3:log:4", "dropout=0,0.3"])
    with pytest.raises(PlanError, match=r"other settings: --vary dropout was 0,0.1,0.2, not 0,0.3. .* another --study"):
        search(spec_in(tmp_path, space=changed))
    with pytest.raises(PlanError, match=r"0.2, and is not given; --vary seed was not given, not 1,2"):
        search(spec_in(tmp_path, space=parse(["learning-rate=1e-5..1e-3:log:4", "seed=1,2"])))
    with pytest.raises(PlanError, match=r"--model was tiny, not small"):
        search(spec_in(tmp_path, fixed={"corpus": "/corpora/tones", "model": "small", "measures": 4}))


def test_lists_in_the_best_command_are_written_as_options_expect_them(fake: FakeTraining, tmp_path: Path) -> None:
    listed = {"token": ["ga=cy", "hsb=pl"], "lora": 4, "lora_targets": ["fc1", "fc2"]}
    study = search(spec_in(tmp_path, trials=1, fixed={"corpus": "/corpora/tones", "model": "tiny", **listed}))
    words = shlex.split(best_command(study) or "")
    assert words[words.index("--token") + 1] == "ga=cy,hsb=pl"
    assert words[words.index("--lora-targets") + 1] == "fc1,fc2"


def test_trials_of_a_study_that_is_stored_elsewhere_are_not_mixed_with_others(
    fake: FakeTraining, tmp_path: Path
) -> None:
    search(spec_in(tmp_path, trials=2))
    (tmp_path / "study" / "study.journal").unlink()
    with pytest.raises(PlanError, match="has trials of a study that is stored elsewhere"):
        search(spec_in(tmp_path, trials=2))


def test_a_second_process_may_not_run_the_same_study(fake: FakeTraining, tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path / "study", "--study"),
        pytest.raises(PlanError, match=f"process {os.getpid()} on .* is using"),
    ):
        search(spec_in(tmp_path))
