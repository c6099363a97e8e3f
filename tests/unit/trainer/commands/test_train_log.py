"""train.log: the log of a run with timestamps, appended to when it resumes."""

from __future__ import annotations

import re
import shutil
import warnings
from pathlib import Path

import pytest

from trainer.__main__ import main
from trainer.run_log import LOG, logging_to

pytestmark = pytest.mark.timeout(600)


def test_a_run_keeps_its_log(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--batch", "32"]
    words += ["--epochs", "1", "--learning-rate", "1e-9", "--measure-every", "1", "--patience", "1"]
    assert main(words) == 0
    assert main(words) == 0
    assert main([*words, "--seed", "2"]) == 1
    told = capsys.readouterr()
    assert told.err.count("left out: 1 of 65 clips") == 3
    assert told.err.count(" is complete (step 2): nothing is left to train") == 1
    assert "python -m trainer train" not in told.err
    lines = (tmp_path / "run" / "train.log").read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in lines), "a bar, or what has no time"
    said = [line[20:] for line in lines]
    assert said[0].startswith(f"python -m trainer train {corpus} --model {checkpoint}")
    assert said.count("left out: 1 of 65 clips, longer than the context of 2 s") == 3
    early = "; stopped early after 1 evaluation without improvement (--patience)"
    assert sum("best WER on dev " in line and line.endswith(early) for line in said) == 2
    assert f"{tmp_path / 'run'} is complete (step 2): nothing is left to train" in said
    measured = [line for line in said if re.fullmatch(r"step 1: WER % on dev [\d.]+, CER % [\d.]+, loss [\d.]+", line)]
    assert len(measured) == 1
    assert "WER % on dev" not in told.err
    assert said[-1].startswith("ended: ")
    assert "--seed was 1 (the default), not 2" in said[-1]


def test_a_dev_split_written_by_a_model_is_reported(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talks, told = shutil.copytree(corpus, tmp_path / "talks"), "Most texts of dev were written by demo/model@44"
    lines = (talks / "clips.jsonl").read_text(encoding="utf-8")
    (talks / "clips.jsonl").write_text(lines.replace("}\n", ', "written_by": "demo/model@44"}\n'), encoding="utf-8")
    words = ["train", str(talks), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--epochs", "0.5"]
    assert main([*words, "--measures", "1"]) == 0
    assert told in capsys.readouterr().err
    assert told in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_warnings_are_kept_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path / "train.log"), warnings.catch_warnings(action="always"):
        warnings.warn("a fan stands still", stacklevel=1)
        LOG.debug("for the file alone")
    shown, kept = capsys.readouterr().err, (tmp_path / "train.log").read_text(encoding="utf-8")
    assert shown.count("Warning: a fan stands still") == kept.count("Warning: a fan stands still") == 1
    assert ("for the file" in shown, "for the file" in kept) == (False, True)
    assert not LOG.handlers
