"""`train --leave-out`: clips listed by `evaluate`, such as those with wrong text, are left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.__main__ import main
from trainer.corpus.leaving_out import read_clip_ids

pytestmark = pytest.mark.timeout(600)


def test_clips_listed_by_evaluate_are_left_out(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    words = [str(checkpoint), str(corpus), "--split", "train", "--out", str(out), "--limit", "12", "--processes", "1"]
    assert main(["evaluate", *words]) in (0, 3)
    listed = tmp_path / "found-utterances.jsonl"
    rows = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 12 - json.loads(out.read_text())["conditions"][0]["left_out"]
    assert [row["errors"] for row in rows] == sorted((row["errors"] for row in rows), reverse=True)
    assert {"id", "text", "written", "errors", "wer_percent", "seconds", "context_s"} <= rows[0].keys()
    run = tmp_path / "run"
    train = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), "--epochs", "0.5"]
    train += ["--measure-every", "0", "--leave-out"]
    assert main([*train, str(listed)]) == 0
    data = json.loads((run / "plan.json").read_text(encoding="utf-8"))["data"]
    assert data["clips"] == 64 - len(rows)
    assert data["left_out"]["named by --leave-out"] == len(rows)
    ids = tmp_path / "ids.txt"
    ids.write_text("clip-0\n\nclip-70\nno such\n", encoding="utf-8")
    capsys.readouterr()
    assert main([*train, str(ids)]) == 1
    told = capsys.readouterr().err
    assert "--leave-out: 2 clips are not in the train split, such as clip-70" in told
    assert "started with other settings" in told


def test_a_list_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes("clip-0\r\nclip-1\r\n".encode("utf-8-sig"))
    assert read_clip_ids(path) == {"clip-0", "clip-1"}


@pytest.mark.parametrize("content", [None, '{"path": "a.wav"}\n', '{"id": \n'])
def test_an_invalid_list_is_refused(
    content: str | None, corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--leave-out", str(path)]
    assert main([*words, "--dry-run"]) == 1
    assert f"--leave-out {path}: expected a file with one clip id per line" in capsys.readouterr().err
