"""The report of a run and the comparison of several: whole pages of whatever a run has left, which believe no name."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.html_pages import tags_of
from trainer.__main__ import main
from trainer.names import run_path
from trainer.publishing.model_card import Facts, card
from trainer.publishing.model_folder import Record
from trainer.publishing.publish import read, wer_rows
from trainer.reports.comparison import named, write_comparison
from trainer.reports.curves import MOST_POINTS, thinned
from trainer.reports.plots import intervals, lines
from trainer.reports.run import write_report
from trainer.run_folder import RunError, read_run

NASTY = "<script>alert(1)</script> & $x^2$"


def _plan(dropout: float) -> dict[str, Any]:
    return {
        "plan": {
            "utterances": 90,
            "seed": 1,
            "examples": ["radio", NASTY, ""],
            "learning_rate": 4e-4,
            "label_smoothing": 0.0,
            "batches": {"shape": {"examples": 8, "seconds": 60.0, "least_s": 0.0, "most_s": 7.0}, "spec_augment": 0.5},
        },
        "model": {"name": NASTY, "fingerprint": "abc", "dropout": dropout, "lora": None},
        "data": {"clips": 30, "left_out": {"longer than the context of 7 s": 2}, "language": ""},
        "environment": {
            **{"corpus": f"corpora/{NASTY}", "hours": 0.5, "command": f"train {NASTY}", "torch": "2.13"},
            "given": {"--dropout": str(dropout)},
        },
    }


def _group(value: str, drawn: int, percent: float) -> dict[str, Any]:
    there = {"clips": 15, "hours": 0.25, "expected_percent": 50.0}
    return {"value": value, **there, "draws": drawn, "drawn_percent": percent, "distinct": drawn, "drawn_hours": 0.2}


def _seen() -> dict[str, Any]:
    epochs = [
        {
            "epoch": number,
            "draws": 30,
            "hours": 0.5,
            "without_speech": 2,
            "groups": {
                "accent": [_group(NASTY, 20 - number, 66.7 - number), _group("dalmål", 10 + number, 33.3 + number)],
                "gender": [_group("female", 30, 100.0)],
            },
        }
        for number in range(3)
    ]
    return {"columns": ["accent", "gender"], "epochs": epochs}


def _summary(errors: int) -> dict[str, Any]:
    counts = {"utterances": 40, "words": 40, "substitutions": errors, "deletions": 0, "insertions": 0}
    rate = 2.5 * errors
    ends = {"wer_interval_percent": [rate - 1, rate + 2], "wer_interval_by_speaker_percent": None}
    return {**counts, "wer_percent": rate, "cer_percent": rate / 2, **ends}


def _evaluation(which: Path, errors: int, raised: bool = False) -> dict[str, Any]:
    conditions = [("short", 7.0, None), ("full", 30.0, None), ("short", 7.0, 10.0), ("full", 30.0, 10.0)]
    rows = [{"id": str(n), "reference": "hej", "words": 1, "errors": int(n < errors)} for n in range(40)]
    return {
        **{"model": str(which), "corpus": f"corpora/{NASTY}", "split": "test", "limit": None, "seed": 1},
        "device": "CPU, 1 threads",
        "normalisers": {"sv": "basic"},
        "figures": {"short_context_penalty_points": 0.75, "false_words_per_hour": 2.0, "samples_per_s": 80.0},
        "alarm": {"raised": raised, "sentence": f"It says {NASTY}."},
        "conditions": [
            {
                **{"context": context, "context_s": s, "snr_db": snr, "left_out": 3},
                **_summary(errors + bool(snr)),
                "errors": {str(n): int(n < errors) for n in range(40)},
            }
            for context, s, snr in conditions
        ],
        "groups": {"accent": {NASTY: _summary(errors), "dalmål": _summary(1)}, "gender": {"female": _summary(errors)}},
        "confusions": {"substitutions": [[NASTY, "nio", 4]], "deletions": [["ja", 2]], "insertions": []},
        "worst": [{"reference": NASTY, "hypothesis": "nej", "errors": 2, "words": 3, "truncated": True}],
        "rows": rows,
    }


def _run(folder: Path, dropout: float = 0.1, errors: int = 4, raised: bool = False) -> Path:
    """A run that has ended and was evaluated."""
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps(_plan(dropout)))
    metrics: list[dict[str, float]] = [
        {"step": 10 * n, "loss": 3 / n, "cross_entropy": 2 / n, "ctc": 1 / n, "learning_rate": 1e-3, "samples_per_s": 8}
        for n in range(1, 10)
    ]
    metrics += [{"step": step, "dev_loss": 0.4, "dev_wer_percent": wer} for step, wer in ((30, 9), (60, 5), (90, 5))]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in metrics))
    (folder / "seen.json").write_text(json.dumps(_seen()))
    for which in ("best", "last"):
        (folder / which).mkdir()
        (folder / which / "undertext.json").write_text(json.dumps({"languages": ["sv"], "context_s": 7.0}))
    document = _evaluation(folder / "best", errors, raised)
    (folder / "evaluation-best-x-test.json").write_text(json.dumps(document))
    return folder


def test_the_page_of_a_run_tells_all_of_it_and_is_alone(tmp_path: Path) -> None:
    page = write_report(_run(tmp_path / "mine")).read_text(encoding="utf-8")
    assert {"svg", "table", "details"} <= tags_of(page)
    told = (
        *("Run mine", "90 steps in 0.2 min; 5.00 % of the words in dev were wrong at best, at step 90"),
        *("any length up to 7 s", "2 longer than the context of 7 s", "0.500", "up to 8 clips, up to 60 s"),
        *("Loss", "Learning rate", "Parts of the loss", "clips with SpecAugment", "--augment", "radio"),
        *("By accent, all epochs together", "examples without speech", "hours heard", "torch", "2.13"),
        *("10.0", "9.0–12.0", "noise at 10 dB", "full 30 s", "+0.75 points", "2.0 words an hour", "nio", "nej ✂"),
    )
    assert [words for words in told if words not in page] == []
    assert "gender, epoch by epoch" not in page, "a column that is the same for all is no table"
    unused = page.split("Not used: ")[1].split("</p>")[0]
    assert "--label-smoothing, --bpe-dropout" in unused
    assert "weight of" not in unused, "what no option asks for"
    assert "clips with SpecAugment (--spec-augment)" in page
    assert "in train" in page
    assert "of train %" in page


def test_an_alarm_stands_above_all_else(tmp_path: Path) -> None:
    page = write_report(_run(tmp_path / "mine", raised=True)).read_text(encoding="utf-8")
    assert page.index('class="alarm">It says') < page.index("What it was")


def test_a_run_that_was_killed_is_told_as_far_as_it_came(tmp_path: Path) -> None:
    run = tmp_path / "killed"
    run.mkdir()
    (run / "plan.json").write_text(json.dumps(_plan(0.0)))
    (run / "metrics.jsonl").write_text('{"step": 10, "loss": NaN}\n{"step": 20, "loss": 2.5}\n{"step": 30, "lo')
    (run / "evaluation-best-x-test.json").write_text('{"model": ')
    page = write_report(run).read_text(encoding="utf-8")
    tags_of(page)
    told = ("20 steps; nothing was measured yet", "Training has not ended", "evaluation-best-x-test.json is damaged")
    assert [words for words in told if words not in page] == []


def test_what_was_measured_once_is_no_picture_but_words(tmp_path: Path) -> None:
    metrics = [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.0}, {"step": 20, "dev_loss": 1.5}]
    metrics.append({"step": 20, "dev_wer_percent": 40.0, "dev_cer_percent": 12.5})
    pages = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_text(json.dumps(_plan(0.0)))
        (tmp_path / name / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in metrics))
        pages.append(write_report(tmp_path / name).read_text(encoding="utf-8"))
    assert "Word error rate on dev, once: 40 percent at step 20." in pages[0]
    assert pages[0].count("<svg") == 1, "the loss"
    both = write_comparison([tmp_path / "one", tmp_path / "other"], tmp_path / "both.html").read_text(encoding="utf-8")
    assert "Character error rate on dev, once: one 12.5 percent at step 20, other 12.5 percent at step 20." in both
    assert both.count("<svg") == 1


def test_a_run_that_has_done_nothing_yet_has_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"plan": {"utterances": 5, "minutes": null}}')
    assert "0 steps" in write_report(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize("plan", [None, "[]", "{"])
def test_what_is_no_run_is_told_in_a_sentence(
    plan: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if plan is not None:
        (tmp_path / "plan.json").write_text(plan)
    assert main(["report", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"trainer: {tmp_path}" in said
    assert ("is no run: it has no plan.json" if plan is None else "is damaged") in said
    assert main(["report", str(tmp_path), str(tmp_path / "other")]) == 1


def test_what_is_the_same_at_full_and_short_context_is_told_once(tmp_path: Path) -> None:
    run = _run(tmp_path / "mine")
    file = run / "evaluation-best-x-test.json"
    document = json.loads(file.read_text())
    for condition in document["conditions"]:
        condition["context_s"] = 7.0
    file.write_text(json.dumps(document))
    page = write_report(run).read_text(encoding="utf-8")
    assert page.count("<td>full and short 7 s</td>") == 2, "clean and in noise"
    assert "<td>short 7 s</td>" not in page


def test_an_epoch_that_the_last_batch_reached_into_is_begun(tmp_path: Path) -> None:
    run = _run(tmp_path / "mine")
    seen = _seen()
    seen["epochs"][2]["draws"] = 3
    (run / "seen.json").write_text(json.dumps(seen))
    page = write_report(run).read_text(encoding="utf-8")
    assert "3 (begun)" in page
    assert "2 (begun)" not in page


def test_of_many_epochs_those_are_counted_that_were_heard_whole(tmp_path: Path) -> None:
    run = _run(tmp_path / "mine")
    seen = _seen()
    for draws, told in ((30, "11 epochs"), (3, "10 epochs, and one begun")):
        seen["epochs"] = [{**seen["epochs"][0], "epoch": number} for number in range(11)]
        seen["epochs"][10]["draws"] = draws
        (run / "seen.json").write_text(json.dumps(seen))
        assert f"<summary>{told}</summary>" in write_report(run).read_text(encoding="utf-8")


def test_a_run_that_learns_by_heart_is_told(tmp_path: Path) -> None:
    run = _run(tmp_path / "mine")
    assert "by heart" not in write_report(run).read_text(encoding="utf-8")
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 120, "dev_loss": 0.5, "dev_wer_percent": 5}) + "\n")
    assert "lowest at step 30 (0.40) and has risen to 0.50" in write_report(run).read_text(encoding="utf-8")


def test_a_loss_that_is_next_to_nothing_has_not_risen(tmp_path: Path) -> None:
    run = _run(tmp_path / "mine")
    for last, rises in ((0.013, False), (0.059, False), (0.066, True)):
        losses = [{"step": 10, "dev_loss": 0.5}, {"step": 16, "dev_loss": 0.01}, {"step": 20, "dev_loss": last}]
        (run / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in losses))
        page = write_report(run).read_text(encoding="utf-8")
        assert ("has risen" in page) is ("(0.01) and has risen to 0.07" in page) is rises


def test_rates_on_what_a_model_wrote_are_its_agreement(tmp_path: Path) -> None:
    run = _run(tmp_path / "mine")
    assert "agrees" not in write_report(run).read_text(encoding="utf-8")
    file = run / "evaluation-best-x-test.json"
    document = {**json.loads(file.read_text()), "corpus": "corpora/talks", "written_by": ["/home/anna/sv@12"]}
    file.write_text(json.dumps(document))
    plan = _plan(0.1)
    plan["environment"]["dev_written_by"] = ["demo/model@44"]
    (run / "plan.json").write_text(json.dumps(plan))
    page = write_report(run).read_text(encoding="utf-8")
    assert "Most texts of dev are what demo/model@44 wrote, uncorrected" in page
    assert "Most texts of talks test are what /home/anna/sv@12 wrote" in page
    both = write_comparison([run, _run(tmp_path / "other")], tmp_path / "both.html").read_text(encoding="utf-8")
    assert both.count("Most texts of talks test are what /home/anna/sv@12 wrote") == 1
    told = read(run, "best").evaluations
    text = card(Facts("mine", 7.0, Record(("sv",), 7.0, (), {}), told, (), "mine"))
    assert "Most texts of talks test are what sv@12 wrote, uncorrected: unless somebody has read them" in text


def test_what_a_user_should_know_of_the_balance_is_told(tmp_path: Path) -> None:
    run = _run(tmp_path / "mine")
    (run / "seen.json").write_text(json.dumps({**_seen(), "note": "a single speaker each: gotländska"}))
    assert "Balanced: a single speaker each: gotländska." in write_report(run).read_text(encoding="utf-8")


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    folders = [_run(tmp_path / "plain", 0.0, errors=9), _run(tmp_path / "dropout", 0.1, errors=3)]
    page = write_comparison(folders, tmp_path / "new" / "both.html").read_text(encoding="utf-8")
    assert {"svg", "table"} <= tags_of(page)
    differing = page.split("In what they differ")[1].split("Curves")[0]
    assert "<td>--dropout</td><td>0.0</td><td>0.1</td>" in differing
    assert "learning_rate" not in differing, "it is the same in both"
    assert differing.count("--dropout") == 1, "it is told once"
    assert '<td class="number">22.5 (21.5–24.5)</td><td class="number">7.5 (6.5–9.5)</td>' in page
    change = page.split("change from plain")[1].split("</table>")[0]
    assert change.count("-15.0 (-27.5 to -5.0)") == 4, "over the same forty utterances, clean and in noise"
    for words in ("Loss on train", "Word error rate on dev", "By accent"):
        assert words in page


def test_changes_are_of_all_that_a_context_heard(tmp_path: Path) -> None:
    folders = [_run(tmp_path / "plain", errors=9), _run(tmp_path / "other", errors=3)]
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


def test_a_drawn_part_is_told_on_every_page(tmp_path: Path) -> None:
    run = _run(tmp_path / "mine")
    file = run / "evaluation-best-x-test.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "limit": 40, "corpus": "corpora/tones"}))
    drawn = "tones test, 40 clips drawn by seed 1"
    assert f"<h3>{drawn}</h3>" in write_report(run).read_text(encoding="utf-8")
    [first, *_] = wer_rows(read(run, "best"))
    assert first.set == f"{drawn}, 7 s of context"


def test_what_differs_is_called_as_the_options_are(tmp_path: Path) -> None:
    runs = [_run(tmp_path / name) for name in ("plain", "other")]
    for ctc, run in enumerate(runs):
        plan = _plan(0.0)
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
    assert "<td>--augment</td>" not in page.split("In what they differ")[1]


def test_runs_without_anything_in_common_are_compared_all_the_same(tmp_path: Path) -> None:
    first, second = _run(tmp_path / "a" / "run"), tmp_path / "b" / "run"
    second.mkdir(parents=True)
    (second / "plan.json").write_text('{"plan": {}}')
    page = write_comparison([first, second], tmp_path / "both.html").read_text(encoding="utf-8")
    tags_of(page)
    assert "Runs a/run, b/run" in page
    assert "change from" not in page
    assert len(named([read_run(first), read_run(first)])) == 1, "the same folder twice is one run"


def test_the_command_writes_where_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        _run(tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)
    assert run_path("one") == Path("runs/one")
    assert main(["report", "one"]) == 0
    assert main(["report", "one", "runs/two"]) == 0
    assert main(["report", "runs/one", "one", "--out", "deep/one.html"]) == 0
    written = capsys.readouterr().out
    for path in ("runs/one/report.html", "runs/comparison.html", "deep/one.html"):
        assert Path(path).read_text(encoding="utf-8").startswith("<!doctype html>")
        assert f"{path}: open it" in written
    with pytest.raises(RunError, match="no-such is no run"):
        read_run(Path("runs/no-such"))


def test_long_curves_keep_their_level_and_their_end() -> None:
    points = [(float(step), float(step % 2)) for step in range(1, 10_001)]
    thin = thinned(points)
    assert len(thin) <= MOST_POINTS
    assert thin[-1][0] == 10_000
    assert {round(y, 3) for _, y in thin} == {0.5}
    assert thinned(points[:9]) == points[:9]


def test_pictures_take_names_as_they_are() -> None:
    names = ("_hidden", "$\\frac$ & <b>")
    curve = lines({name: [(1, 2), (2, 3)] for name in names}, "t", "x", "y")
    dots = intervals(["$a$", "b"], {name: [(5, 4, 4.5), None] for name in names}, "t", "x")
    for svg in (curve, dots):
        xml.etree.ElementTree.fromstring(svg)
        assert "_hidden" in svg
        assert "$\\frac$ &amp; &lt;b&gt;" in svg
