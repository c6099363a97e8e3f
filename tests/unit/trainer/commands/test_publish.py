"""`publish` on the command line: the best model of a run, with its evaluations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from trainer.__main__ import main
from trainer.commands.publish import _QUANTIZATIONS
from trainer.publishing.publish import publish_run, read

#: The run is trained first, on a busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def run(unbroken: Path, tmp_path: Path) -> Path:
    """A copy of a run, to add evaluations to."""
    return shutil.copytree(unbroken, tmp_path / "run")


def _summary(wer_percent: float) -> dict[str, Any]:
    counts = {"words": 90, "substitutions": 1, "deletions": 2, "insertions": 0}
    return {**counts, "wer_percent": wer_percent, "cer_percent": 1.5, "wer_interval_percent": [2.0, 5.0]}


def _evaluation(run: Path, raised: bool = False, written_by: tuple[str, ...] = ()) -> None:
    about = {"context": "full", "context_s": 2.0, "snr_db": None}
    document = {
        **{"model": str(run / "best"), "corpus": "corpora/tones", "split": "test", "written_by": written_by},
        "alarm": {"raised": raised, "sentence": "the start token comes twice"},
        "conditions": [*[{**about, **_summary(3.3)}] * 2, {**about, "snr_db": 10.0, **_summary(9.9)}],
        "groups": {"accent": {"skånska": _summary(4.4), "dalmål": _summary(5.5)}, "speaker": {"one": _summary(3.3)}},
    }
    (run / "evaluation-best-tones-test.json").write_text(json.dumps(document))


def test_rates_on_texts_of_a_model_are_reported_as_agreement(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "! Most texts of tones test were written by demo/model@44 and not corrected: unless someone has checked them"
    for written_by, times in (((), 0), (("demo/model@44",), 1)):
        _evaluation(run, written_by=written_by)
        assert main(["publish", str(run), str(tmp_path / "published")]) == 0
        assert capsys.readouterr().out.count(told) == times


def test_a_run_is_published_with_its_evaluations(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _evaluation(run)
    declared = json.loads((run / "best" / "undertext.json").read_text())
    declared["provenance"] |= {"base": "/srv/runs/b, ~/runs/a, openai/whisper-small", "steps": 8}
    (run / "best" / "undertext.json").write_text(json.dumps(declared))
    out = tmp_path / "models" / "tones"
    out.mkdir(parents=True)
    (out / "left-over.txt").write_text("of the one before")
    (out / "config.json").touch()
    assert main(["publish", str(run), str(out)]) == 0
    assert "3.30 % of 90 words wrong: tones test, 2 s of context" in capsys.readouterr().out
    assert not (out / "left-over.txt").exists()
    assert load_file(out / "model.safetensors").keys() == load_file(run / "best" / "model.safetensors").keys()
    record = json.loads((out / "undertext.json").read_text())
    assert (record["languages"], record["context_s"], record["trained_with_prompts"]) == (["en", "sv"], 2.0, False)
    assert [(row["snr_db"], row["wer_percent"]) for row in record["wer"]] == [(None, 3.3), (10.0, 9.9)]
    assert record["provenance"]["command"].startswith("python -m trainer train")
    card = (out / "README.md").read_text()
    assert "| skånska | 4.4 % | 2.0–5.0 % | 1.5 % | 90 |" in card
    assert "trained from b, which was trained from a, which was trained from openai/whisper-small with" in card
    assert "- model: best, at step 8 of 12\n" in card
    assert "By speaker" not in card, "a table of one row says nothing"
    assert "![loss](loss.svg)" in card
    assert (out / "word-error-rate-on-dev.svg").read_text().startswith("<svg")


def test_an_alarm_stops_publishing(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _evaluation(run, raised=True)
    assert main(["publish", str(run), str(tmp_path / "out")]) == 1
    assert "the evaluation raised the alarm: the start token comes twice" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["publish", str(run), str(tmp_path / "out"), "--despite-alarm"]) == 0
    assert read(run, "best").evaluations[0]["alarm"]["raised"]


def test_other_folders_are_not_replaced_by_a_model(run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(corpus.rglob("*"))
    assert main(["publish", str(run), str(corpus), "--despite-alarm"]) == 1
    assert "already exists and is not a model" in capsys.readouterr().err
    assert main(["train", str(corpus), "--model", "new:tiny-demo", "--run", str(corpus)]) == 1
    assert "is a corpus, not a run folder" in capsys.readouterr().err
    assert sorted(corpus.rglob("*")) == before


def test_a_link_is_not_overwritten(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sv-7").mkdir()
    (tmp_path / "sv-7" / "config.json").write_text("{}")
    link = tmp_path / "on-air"
    link.symlink_to("sv-7")
    assert main(["publish", str(run), str(link)]) == 1
    told = capsys.readouterr().err
    assert f"publish to a new folder, such as {tmp_path / 'NAME'}, then run `ln -sfn NAME {link}`" in told
    assert [path.name for path in (tmp_path / "sv-7").iterdir()] == ["config.json"]


def test_the_card_names_the_model_as_transcribers_do(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for hub_id, place in ((None, "models/ga"), ("our-lab/ga", "our-lab/ga")):
        publish_run(run, Path("models/ga"), hub_id=hub_id)
        card = Path("models/ga/README.md").read_text()
        assert "\n# ga\n" in card
        assert f"`MODEL={place}` for" in card
        assert f'from_pretrained("{place}")' in card


def test_an_invalid_quantization_is_refused_before_publishing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["publish", str(run), str(tmp_path / "out"), "--ctranslate2", str(tmp_path / "ct2"), "--quantization"]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "int4"])
    assert "invalid choice: 'int4'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_quantizations_are_those_of_ctranslate2() -> None:
    specs = pytest.importorskip("ctranslate2.specs.model_spec", reason="the extra `ctranslate2` is not installed")
    assert set(_QUANTIZATIONS) == set(specs.ACCEPTED_MODEL_TYPES)


def test_a_folder_that_is_not_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", str(tmp_path), str(tmp_path / "out")]) == 1
    assert "is not a run: it has no plan.json" in capsys.readouterr().err


def test_a_published_model_is_exported_for_ctranslate2(run: Path, tmp_path: Path) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2", reason="the extra ctranslate2 is not installed")
    _evaluation(run)
    assert main(["publish", str(run), str(tmp_path / "out"), "--ctranslate2", str(tmp_path / "ct2")]) == 0
    assert ctranslate2.models.Whisper(str(tmp_path / "ct2")).n_mels == 80
    assert json.loads((tmp_path / "ct2" / "preprocessor_config.json").read_text())["feature_size"] == 80
