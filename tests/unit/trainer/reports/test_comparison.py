"""The comparison of several runs, with names escaped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.unit.trainer.ended_run import ended, planned
from tests.unit.trainer.html_pages import tags_of
from trainer.__main__ import main
from trainer.names import run_path
from trainer.publishing.publish import read, wer_rows
from trainer.reports.comparison import by_name, write_comparison
from trainer.reports.run import write_report
from trainer.run_folder import RunError, read_run


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    folders = [ended(tmp_path / "plain", 0.0, errors=9), ended(tmp_path / "dropout", 0.1, errors=3)]
    page = write_comparison(folders, tmp_path / "new" / "both.html").read_text(encoding="utf-8")
    assert {"svg", "table"} <= tags_of(page)
    differing = page.split("Differences</h2>")[1].split("Curves")[0]
    assert "<td>--dropout</td><td>0.0</td><td>0.1</td>" in differing
    assert "learning_rate" not in differing, "it is the same in both"
    assert differing.count("--dropout") == 1, "it is listed once"
    assert '<td class="number">22.5 (21.5–24.5)</td><td class="number">7.5 (6.5–9.5)</td>' in page
    change = page.split("change from plain")[1].split("</table>")[0]
    assert change.count("-15.0 (-27.5 to -5.0)") == 4, "over the same forty utterances, clean and in noise"
    for words in ("Loss on train", "Word error rate on dev", "By accent"):
        assert words in page


def test_changes_are_over_all_clips_of_a_context(tmp_path: Path) -> None:
    folders = [ended(tmp_path / "plain", errors=9), ended(tmp_path / "other", errors=3)]
    for folder in folders:
        file = folder / "evaluation-best-x-test.json"
        document = json.loads(file.read_text())
        document["longer"] = [{"id": "long", "reference": "hej då", "words": 40}]
        document["conditions"][1]["errors"]["long"] = 0
        file.write_text(json.dumps(document))
    page = write_comparison(folders, tmp_path / "both.html").read_text(encoding="utf-8")
    rows = page.split("change from plain")[1].split("</table>")[0].split("<tr>")[1:]
    assert [re.sub("<[^>]+>", " ", row).split("(")[0].split()[-1] for row in rows] == [
        "-15.0",
        "-7.5",
        "-15.0",
        "-15.0",
    ]


def test_a_limited_evaluation_is_named_on_every_page(tmp_path: Path) -> None:
    run = ended(tmp_path / "mine")
    file = run / "evaluation-best-x-test.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "limit": 40, "corpus": "corpora/tones"}))
    drawn = "tones test, 40 clips drawn by seed 1"
    assert f"<h3>{drawn}</h3>" in write_report(run).read_text(encoding="utf-8")
    [first, *_] = wer_rows(read(run, "best"))
    assert first.set == f"{drawn}, 7 s of context"


def test_differences_are_named_by_option(tmp_path: Path) -> None:
    runs = [ended(tmp_path / name) for name in ("plain", "other")]
    for ctc, run in enumerate(runs):
        plan = planned(0.0)
        plan["plan"] |= {"weights": {"ctc": ctc, "letters": ctc}, "examples": ["radio", "accent:3" * ctc, ""]}
        plan["plan"]["batches"] |= {"style": {"bpe_dropout": ctc / 10}}
        plan["model"]["lora"] = {"rank": 8, "alpha": None, "targets": []} if ctc else None
        (run / "plan.json").write_text(json.dumps(plan))
    page = write_comparison(runs, tmp_path / "both.html").read_text(encoding="utf-8")
    for row in (
        ("--ctc", "0", "1"),
        ("plan.weights.letters", "0", "1"),
        ("--bpe-dropout", "0.0", "0.1"),
        ("--balance", "–", "accent:3"),
        ("--lora", "–", "8"),
        ("--lora-alpha", "–", "16"),
        ("--lora-targets", "–", "all of attention, fc1, fc2"),
    ):
        assert "".join(f"<td>{cell}</td>" for cell in row) in page
    assert "<td>--augment</td>" not in page.split("Differences</h2>")[1]


def test_runs_without_anything_in_common_are_compared(tmp_path: Path) -> None:
    first, second = ended(tmp_path / "a" / "run"), tmp_path / "b" / "run"
    second.mkdir(parents=True)
    (second / "plan.json").write_text('{"plan": {}}')
    page = write_comparison([first, second], tmp_path / "both.html").read_text(encoding="utf-8")
    tags_of(page)
    assert "Runs a/run, b/run" in page
    assert "change from" not in page
    assert len(by_name([read_run(first), read_run(first)])) == 1, "the same folder twice is one run"


def test_the_command_writes_where_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        ended(tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)
    assert run_path("one") == Path("runs/one")
    assert main(["report", "one"]) == 0
    assert main(["report", "one", "runs/two"]) == 0
    assert main(["report", "runs/one", "one", "--out", "deep/one.html"]) == 0
    written = capsys.readouterr().out
    for path in ("runs/one/report.html", "runs/comparison.html", "deep/one.html"):
        assert Path(path).read_text(encoding="utf-8").startswith("<!doctype html>")
        assert f"{path}: open it" in written
    with pytest.raises(RunError, match="no-such is not a run"):
        read_run(Path("runs/no-such"))
