"""Every command reports incomplete or damaged files in a sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.recordings import release
from trainer.__main__ import main


@pytest.mark.parametrize("name", ["corpus/corpus.json", "model/undertext.json", "run/plan.json", "run/checkpoint.pt"])
def test_training_reports_a_damaged_corpus(
    name: str, corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(corpus, tmp_path / "corpus")
    shutil.copytree(checkpoint, tmp_path / "model")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").touch()  # it has started training
    (tmp_path / name).write_text('{"half')
    words = ["train", tmp_path / "corpus", "--model", tmp_path / "model", "--run", tmp_path / "run", "--workers", "0"]
    assert main([str(word) for word in words]) == 1
    assert f"{tmp_path / name} is damaged" in capsys.readouterr().err


def test_publishing_reports_a_damaged_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run" / "best").mkdir(parents=True)
    (tmp_path / "run" / "plan.json").write_text("{}")
    (tmp_path / "run" / "best" / "undertext.json").write_text('{"half')
    assert main(["publish", str(tmp_path / "run"), str(tmp_path / "out")]) == 1
    assert "undertext.json is damaged" in capsys.readouterr().err


def test_a_damaged_plan_of_a_corpus_is_another_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["prepare", "--source", str(release(tmp_path / "cv", clips=1)), "--out", str(tmp_path / "out")]
    words += ["--processes", "1"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "prepare.json").touch()
    assert main(words) == 1
    assert "--again replaces it" in capsys.readouterr().err
    assert main([*words, "--again"]) == 0
