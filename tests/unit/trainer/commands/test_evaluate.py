"""`python -m trainer evaluate`: its table, files and exit code."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration

from tests import whispers
from trainer.__main__ import main
from trainer.commands.evaluate import ALARM
from trainer.corpus.clips import Writer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whispers.tiny(tmp_path_factory.mktemp("run") / "best")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora") / "sv"
    rng = np.random.default_rng(1)
    with Writer(folder) as writer:
        for split, texts in (("test", ["hej hej"] * 4), ("dev", ["hej " * 60] * 4)):
            for number, text in enumerate(texts):
                audio = (rng.standard_normal(16_000) * 1000).astype(np.int16)
                about = {"language": "sv", "split": split, "speaker": f"s{number % 2}", "accent": "skånska"}
                writer.add(audio, id=f"{split}-{number}", text=text.strip(), **about)
        writer.finish({})
    return folder


def run(*words: object) -> int:
    return main(["evaluate", *map(str, words), "--device", "cpu", "--processes", "1"])


def test_it_prints_a_table_and_writes_a_file(
    model: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "found.json"
    code = run(model, corpus, "--snr", "10,0", "--by", "accent,speaker", "--context-s", 2, "--out", out)
    shown, document = capsys.readouterr().out, json.loads(out.read_text(encoding="utf-8"))
    assert code == (ALARM if document["alarm"]["raised"] else 0)
    assert [(c["context"], c["snr_db"]) for c in document["conditions"]] == [
        (context, snr_db) for snr_db in (None, 10.0, 0.0) for context in ("full", "short")
    ]
    assert set(document["groups"]) == {"accent", "speaker", "added snr"}
    assert document["overall"]["words"] == 8
    assert "8 words in 4 clips are too few" in shown
    for word in ("skånska", "full 7 s", "short 2 s", "samples_per_s", "short_context_penalty_points"):
        assert word in shown
    assert document["alarm"]["sentence"].split()[0] in shown


def test_an_untrained_model_does_not_raise_the_alarm(
    model: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, corpus, "--context", "full", "--out", tmp_path / "found.json") == 0
    assert "The model does not know these words" in " ".join(capsys.readouterr().out.split())


def test_a_fault_raises_the_alarm(model: Path, corpus: Path, tmp_path: Path) -> None:
    learnt = WhisperForConditionalGeneration.from_pretrained(model)
    with torch.no_grad():  # it always predicts the start token
        last = learnt.get_decoder().layer_norm
        last.weight.zero_()
        last.bias.copy_(100 * learnt.proj_out.weight[learnt.config.decoder_start_token_id])
    shutil.copytree(model, tmp_path / "doubled")
    learnt.save_pretrained(tmp_path / "doubled")
    words = (tmp_path / "doubled", corpus, "--split", "dev", "--context", "full", "--out", tmp_path / "found.json")
    assert run(*words) == ALARM
    alarm = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["alarm"]
    assert alarm["causes"][0]["name"] == "double start token"
    for languages, code in ((["en"], 0), (["sv"], ALARM)):
        (tmp_path / "doubled" / "undertext.json").write_text(json.dumps({"languages": languages}))
        assert run(*words) == code


def test_clips_that_were_left_out_are_not_counted_as_heard(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Writer(tmp_path / "sv") as writer:
        for number, duration_s in enumerate((1, 2, 9)):  # the model's context is 7 s
            audio = np.full(duration_s * 16_000, 1000, np.int16)
            writer.add(audio, id=f"clip-{number}", text="hej du där", language="sv", split="test")
        writer.finish({})
    assert run(model, tmp_path / "sv", "--context", "full", "--out", tmp_path / "found.json") == 0
    assert "6 words in 2 clips are too few" in " ".join(capsys.readouterr().out.split())


def test_texts_written_by_a_model_are_reported(
    model: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = shutil.copytree(corpus, tmp_path / "talks")
    lines = (heard / "clips.jsonl").read_text(encoding="utf-8")
    (heard / "clips.jsonl").write_text(lines.replace("}\n", ', "written_by": "demo/model@44"}\n'), encoding="utf-8")
    for folder, models in ((corpus, []), (heard, ["demo/model@44"])):
        assert run(model, folder, "--context", "full", "--out", tmp_path / "found.json") == 0
        assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["written_by"] == models
        assert ("! Most texts of talks test were written by demo/model@44" in capsys.readouterr().out) is bool(models)


def test_a_model_of_one_language_is_evaluated_in_it(
    model: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finnish = tmp_path / "fi"
    shutil.copytree(corpus, finnish)
    lines = (finnish / "clips.jsonl").read_text(encoding="utf-8")
    (finnish / "clips.jsonl").write_text(lines.replace('"language": "sv"', '"language": "fi"'), encoding="utf-8")
    shutil.copytree(model, tmp_path / "mine")
    words = (tmp_path / "mine", finnish, "--context", "full", "--out", tmp_path / "found.json")
    for languages, code in ((["en", "sv"], 1), (["sv"], 0)):
        (tmp_path / "mine" / "undertext.json").write_text(json.dumps({"languages": languages}))
        assert run(*words) == code
    printed = capsys.readouterr()
    assert "no language 'fi' (it has en, sv)" in printed.err
    assert "has no language fi: evaluating in sv, the only one it declares" in printed.out
    assert list(json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["normalisers"]) == ["sv"]


def test_an_unwritable_output_is_refused_before_decoding(
    model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("trainer.evaluation.evaluate.evaluate", lambda *_: pytest.fail("it was heard"))
    (tmp_path / "file").touch()
    assert run(model, corpus, "--out", tmp_path / "file" / "found.json") == 1
    assert "choose another path" in capsys.readouterr().err


def test_results_are_printed_and_old_files_kept_if_the_disk_is_full(
    model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, text: str, encoding: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    out = tmp_path / "found.json"
    out.write_text("an earlier one", encoding="utf-8")
    monkeypatch.setattr(Path, "write_text", full)
    assert run(model, corpus, "--out", out) == 1
    shown = capsys.readouterr()
    assert "wer_percent =" in shown.out
    assert "the disk is full" in shown.err
    assert out.read_text(encoding="utf-8") == "an earlier one"


def test_results_are_written_into_the_models_run(model: Path, corpus: Path) -> None:
    (model.parent / "plan.json").write_text("{}")
    run(model.parent, corpus, "--limit", 2)  # a run stands for its best model
    document = json.loads((model.parent / "evaluation-best-sv-test-2.json").read_text(encoding="utf-8"))
    assert len(document["rows"]) == 2
    assert "sv test, 2 clips drawn by seed 1" in (model.parent / "report.html").read_text(encoding="utf-8")


def test_results_without_a_run_are_written_beside_the_runs(
    model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(model, tmp_path / "models" / "alone")
    before = sorted((tmp_path / "models" / "alone").iterdir())
    monkeypatch.chdir(tmp_path)
    run("models/alone", corpus, "--context", "short")
    place = "runs/evaluations/evaluation-models-alone-sv-test.json"
    assert (tmp_path / place).exists()
    assert f"written: {place}, runs/evaluations/" in capsys.readouterr().out
    assert sorted((tmp_path / "models" / "alone").iterdir()) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--split", "train"), "no clips in its split train"),
        (("--language", "de"), "no language 'de' (it has en, sv)"),
        (("--language", "German"), "no language 'de' (it has en, sv)"),
        (("--limit", "0"), "--limit must be more than 0, not 0"),
    ],
)
def test_invalid_requests_are_refused_with_a_sentence(
    model: Path, corpus: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert run(model, corpus, *words) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--by", "shoe size"), "accent"),
        (("--snr", "loud"), "20,10,0"),
        (("--context", "long"), "full,short"),
    ],
)
def test_invalid_options_are_explained(
    model: Path, corpus: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(model, corpus, *words)
    assert says in capsys.readouterr().err


def test_a_missing_corpus_is_reported(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, tmp_path) == 1
    assert "not a prepared corpus" in capsys.readouterr().err
