"""The report of a run, complete or not, with names escaped."""

from __future__ import annotations

import json
import xml.etree.ElementTree
from pathlib import Path

import pytest

from tests.unit.trainer.ended_run import ended, planned, seen_of_it
from tests.unit.trainer.html_pages import tags_of
from trainer.__main__ import main
from trainer.publishing.model_card import Facts, card
from trainer.publishing.model_folder import Record
from trainer.publishing.publish import read
from trainer.reports.comparison import write_comparison
from trainer.reports.curves import MOST_POINTS, thinned
from trainer.reports.plots import intervals, lines
from trainer.reports.run import write_report


def test_the_report_of_a_run_is_complete_and_self_contained(tmp_path: Path) -> None:
    page = write_report(ended(tmp_path / "mine")).read_text(encoding="utf-8")
    assert {"svg", "table", "details"} <= tags_of(page)
    told = (
        *("Run mine", "90 steps in 0.2 min; best WER on dev 5.00 %, at step 90"),
        *("any length up to 7 s", "2 longer than the context of 7 s", "0.500", "up to 8 clips, up to 60 s"),
        *("Loss", "Learning rate", "Components of the loss", "share of clips with SpecAugment", "--augment", "radio"),
        *("By accent, all epochs", "examples without speech", "hours drawn", "torch", "2.13"),
        *("10.0", "9.0–12.0", "noise at 10 dB", "full 30 s", "+0.75 points", "2.0 words per hour", "nio", "nej ✂"),
    )
    assert [words for words in told if words not in page] == []
    assert "By gender and epoch" not in page, "a column with a single value has no table"
    unused = page.split("Not used: ")[1].split("</p>")[0]
    assert "--label-smoothing, --bpe-dropout" in unused
    assert "weight of" not in unused, "no option sets it"
    assert "clips with SpecAugment (--spec-augment)" in page
    assert "in train" in page
    assert "of train %" in page


def test_an_alarm_comes_first(tmp_path: Path) -> None:
    page = write_report(ended(tmp_path / "mine", raised=True)).read_text(encoding="utf-8")
    assert page.index('class="alarm">It says') < page.index("Settings")


def test_a_killed_run_is_reported_as_far_as_it_got(tmp_path: Path) -> None:
    run = tmp_path / "killed"
    run.mkdir()
    (run / "plan.json").write_text(json.dumps(planned(0.0)))
    (run / "metrics.jsonl").write_text('{"step": 10, "loss": NaN}\n{"step": 20, "loss": 2.5}\n{"step": 30, "lo')
    (run / "evaluation-best-x-test.json").write_text('{"model": ')
    page = write_report(run).read_text(encoding="utf-8")
    tags_of(page)
    told = ("20 steps; not measured yet", "Training is not complete", "evaluation-best-x-test.json is damaged")
    assert [words for words in told if words not in page] == []


def test_a_single_measurement_is_a_sentence_instead_of_a_plot(tmp_path: Path) -> None:
    metrics = [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.0}, {"step": 20, "dev_loss": 1.5}]
    metrics.append({"step": 20, "dev_wer_percent": 40.0, "dev_cer_percent": 12.5})
    pages = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_text(json.dumps(planned(0.0)))
        (tmp_path / name / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in metrics))
        pages.append(write_report(tmp_path / name).read_text(encoding="utf-8"))
    assert "Word error rate on dev, measured once: 40 percent at step 20." in pages[0]
    assert pages[0].count("<svg") == 1, "the loss"
    both = write_comparison([tmp_path / "one", tmp_path / "other"], tmp_path / "both.html").read_text(encoding="utf-8")
    assert (
        "Character error rate on dev, measured once: one 12.5 percent at step 20, other 12.5 percent at step 20."
        in both
    )
    assert both.count("<svg") == 1


def test_a_run_without_steps_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"plan": {"utterances": 5, "minutes": null}}')
    assert "0 steps" in write_report(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize("plan", [None, "[]", "{"])
def test_a_folder_that_is_not_a_run_is_refused(
    plan: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if plan is not None:
        (tmp_path / "plan.json").write_text(plan)
    assert main(["report", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"trainer: {tmp_path}" in said
    assert ("is not a run: it has no plan.json" if plan is None else "is damaged") in said
    assert main(["report", str(tmp_path), str(tmp_path / "other")]) == 1


def test_equal_full_and_short_contexts_are_shown_once(tmp_path: Path) -> None:
    run = ended(tmp_path / "mine")
    file = run / "evaluation-best-x-test.json"
    document = json.loads(file.read_text())
    for condition in document["conditions"]:
        condition["context_s"] = 7.0
    file.write_text(json.dumps(document))
    page = write_report(run).read_text(encoding="utf-8")
    assert page.count("<td>full and short 7 s</td>") == 2, "clean and in noise"
    assert "<td>short 7 s</td>" not in page


def test_an_epoch_that_the_last_batch_extends_into_is_partial(tmp_path: Path) -> None:
    run = ended(tmp_path / "mine")
    seen = seen_of_it()
    seen["epochs"][2]["draws"] = 3
    (run / "seen.json").write_text(json.dumps(seen))
    page = write_report(run).read_text(encoding="utf-8")
    assert "3 (partial)" in page
    assert "2 (partial)" not in page


def test_only_complete_epochs_are_counted(tmp_path: Path) -> None:
    run = ended(tmp_path / "mine")
    seen = seen_of_it()
    for draws, told in ((30, "11 epochs"), (3, "10 epochs, and a partial one")):
        seen["epochs"] = [{**seen["epochs"][0], "epoch": number} for number in range(11)]
        seen["epochs"][10]["draws"] = draws
        (run / "seen.json").write_text(json.dumps(seen))
        assert f"<summary>{told}</summary>" in write_report(run).read_text(encoding="utf-8")


def test_overfitting_is_noted(tmp_path: Path) -> None:
    run = ended(tmp_path / "mine")
    assert "overfits" not in write_report(run).read_text(encoding="utf-8")
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 120, "dev_loss": 0.5, "dev_wer_percent": 5}) + "\n")
    assert "lowest at step 30 (0.40) and has risen to 0.50" in write_report(run).read_text(encoding="utf-8")


def test_a_rise_of_a_tiny_loss_is_not_noted(tmp_path: Path) -> None:
    run = ended(tmp_path / "mine")
    for last, rises in ((0.013, False), (0.059, False), (0.066, True)):
        losses = [{"step": 10, "dev_loss": 0.5}, {"step": 16, "dev_loss": 0.01}, {"step": 20, "dev_loss": last}]
        (run / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in losses))
        page = write_report(run).read_text(encoding="utf-8")
        assert ("has risen" in page) is ("(0.01) and has risen to 0.07" in page) is rises


def test_rates_on_machine_written_references_are_noted(tmp_path: Path) -> None:
    run = ended(tmp_path / "mine")
    assert "agrees" not in write_report(run).read_text(encoding="utf-8")
    file = run / "evaluation-best-x-test.json"
    document = {**json.loads(file.read_text()), "corpus": "corpora/talks", "written_by": ["/home/anna/sv@12"]}
    file.write_text(json.dumps(document))
    plan = planned(0.1)
    plan["environment"]["dev_written_by"] = ["demo/model@44"]
    (run / "plan.json").write_text(json.dumps(plan))
    page = write_report(run).read_text(encoding="utf-8")
    assert "Most texts of dev were written by demo/model@44 and not corrected" in page
    assert "Most texts of talks test were written by /home/anna/sv@12" in page
    both = write_comparison([run, ended(tmp_path / "other")], tmp_path / "both.html").read_text(encoding="utf-8")
    assert both.count("Most texts of talks test were written by /home/anna/sv@12") == 1
    told = read(run, "best").evaluations
    text = card(Facts("mine", 7.0, Record(("sv",), 7.0, (), {}), told, (), "mine"))
    assert "Most texts of talks test were written by sv@12 and not corrected: unless someone has checked them" in text


def test_the_note_on_balance_is_shown(tmp_path: Path) -> None:
    run = ended(tmp_path / "mine")
    (run / "seen.json").write_text(json.dumps({**seen_of_it(), "note": "a single speaker each: gotländska"}))
    assert "Balance: a single speaker each: gotländska." in write_report(run).read_text(encoding="utf-8")


def test_long_curves_keep_their_level_and_their_end() -> None:
    points = [(float(step), float(step % 2)) for step in range(1, 10_001)]
    thin = thinned(points)
    assert len(thin) <= MOST_POINTS
    assert thin[-1][0] == 10_000
    assert {round(y, 3) for _, y in thin} == {0.5}
    assert thinned(points[:9]) == points[:9]


def test_plots_show_names_literally() -> None:
    names = ("_hidden", "$\\frac$ & <b>")
    curve = lines({name: [(1, 2), (2, 3)] for name in names}, "t", "x", "y")
    dots = intervals(["$a$", "b"], {name: [(5, 4, 4.5), None] for name in names}, "t", "x")
    for svg in (curve, dots):
        xml.etree.ElementTree.fromstring(svg)
        assert "_hidden" in svg
        assert "$\\frac$ &amp; &lt;b&gt;" in svg
