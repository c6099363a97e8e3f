"""`train` and `publish` as a user calls them, in processes of their own, on a language of three tones."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import WhisperForConditionalGeneration

from tests.conftest import ROOT
from trainer.__main__ import main
from trainer.held import held
from trainer.models.precision import DTYPES
from trainer.publishing.publish import read
from trainer.training.options import Options, changes, given

#: Each starts Python and torch anew, on a busy machine.
pytestmark = pytest.mark.timeout(600)

STEADY = (
    *("--epochs", "3", "--batch", "8", "--measure-every", "4", "--log-every", "1", "--checkpoint-every-s", "0"),
    *("--dropout", "0.1", "--attention-dropout", "0.1", "--bpe-dropout", "0.2", "--spec-augment", "0.5"),
    *("--timestamps", "0.3", "--label-smoothing", "0.1", "--learning-rate", "0.003", "--accumulate", "2"),
)


def _train(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "trainer", "train", *map(str, words)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _metrics(run: Path) -> list[dict[str, Any]]:
    """All but what the clock says."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "samples_per_s"} for line in lines]


@pytest.fixture(scope="module")
def unbroken(corpus: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "unbroken"
    command = _train(corpus, "--model", checkpoint, "--run", run, *STEADY)
    subprocess.run(command, check=True, capture_output=True, env=_environment())
    return run


def test_a_run_leaves_what_its_help_promises(unbroken: Path) -> None:
    metrics = _metrics(unbroken)
    assert [row["step"] for row in metrics if "loss" in row] == list(range(1, 13))
    assert [row["step"] for row in metrics if "dev_wer_percent" in row] == [4, 8, 12]
    assert metrics[-2]["loss"] < metrics[0]["loss"]
    plan = json.loads((unbroken / "plan.json").read_text())
    assert plan["data"]["left_out"] == {"longer than the context of 2 s": 1}
    assert plan["plan"]["utterances"] == 3 * 64
    assert list(unbroken.glob("events.out.tfevents.*"))
    report = (unbroken / "report.html").read_text(encoding="utf-8")
    assert "12 steps in" in report
    assert "1 longer than the context of 2 s" in report
    for name in ("best", "last"):
        model = WhisperForConditionalGeneration.from_pretrained(unbroken / name)
        assert model.config.dropout == 0.0
        assert model.generation_config.task == "transcribe"
        assert json.loads((unbroken / name / "undertext.json").read_text())["languages"] == ["en", "sv"]


def _killed_behind(step: int, command: list[str], run: Path) -> None:
    """Start a run and kill it, as the kernel does, as soon as it tells of a step."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environment())
    metrics = run / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text().count('"loss"') >= step):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_killed_run_goes_on_to_the_same_losses_and_the_same_model(
    corpus: Path, checkpoint: Path, unbroken: Path, tmp_path: Path
) -> None:
    command = _train(corpus, "--model", checkpoint, "--run", tmp_path / "killed", *STEADY)
    _killed_behind(3, command, tmp_path / "killed")
    _killed_behind(6, command, tmp_path / "killed")
    subprocess.run(command, check=True, capture_output=True, env=_environment())
    assert _metrics(tmp_path / "killed") == _metrics(unbroken)
    for name in ("best", "last"):
        weights = [load_file(run / name / "model.safetensors") for run in (unbroken, tmp_path / "killed")]
        assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_run_that_is_asked_to_stop_keeps_what_it_has_learnt(
    corpus: Path, checkpoint: Path, unbroken: Path, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    run = tmp_path / "stopped"
    # By the clock no checkpoint is written before the end.
    command = _train(corpus, "--model", checkpoint, "--run", run, *STEADY, "--checkpoint-every-s", "3600")
    # A terminal tells all processes, those that make batches as well.
    own = {"start_new_session": True, "env": _environment(), "text": True}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **own)
    while not ((run / "metrics.jsonl").exists() and (run / "metrics.jsonl").read_text().count('"loss"') >= 3):
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.01)
    os.killpg(process.pid, sent)
    _, told = process.communicate()
    assert process.returncode == code, told
    found = re.search(r"trainer: stopped; the same command goes on behind step (\d+)", told)
    assert found, told
    assert 3 <= int(found[1]) < 12
    again = subprocess.run(command, check=True, capture_output=True, env=_environment(), text=True)
    assert f"goes on behind step {found[1]}" in again.stderr
    assert _metrics(run) == _metrics(unbroken)


def test_two_processes_do_not_train_one_run(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run")]
    with held(tmp_path / "run", "--run"):
        assert main(words) == 1
    assert f"process {os.getpid()} on " in (told := capsys.readouterr().err)
    assert f"works in {tmp_path / 'run'}: wait for it, or choose another --run" in told
    assert not (tmp_path / "run" / "plan.json").exists()


def test_a_run_from_nothing_is_not_begun_in_the_place_of_another_language(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", "new:tiny-demo", "--run", str(tmp_path / "run")]
    words += ["--measure-every", "0", "--epochs", "0.2", "--batch", "8"]
    assert main([*words, "--language", "en"]) == 0
    assert main(words) == 1
    assert "was begun with other languages" in capsys.readouterr().err


def test_a_run_that_stops_early_says_so(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), "--batch", "8", "--epochs", "5"]
    assert main([*words, "--learning-rate", "1e-9", "--measure-every", "1", "--patience", "2"]) == 0
    assert "3 steps" in (told := capsys.readouterr().out)
    assert "stopped early: no better one in 2 measures (--patience)" in told
    assert "stopped early at" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["/proc/nowhere", "/etc/passwd/run"])
def test_a_place_that_cannot_be_written_is_told_in_a_sentence(
    corpus: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(corpus), "--model", "new:tiny-demo", "--run", place]) == 1
    assert re.search(r"^trainer: /(proc|etc).*: (choose|name) another place", capsys.readouterr().err, re.MULTILINE)


def test_the_command_in_its_folder_repeats_a_run_bit_for_bit(unbroken: Path, tmp_path: Path) -> None:
    words = shlex.split((unbroken / "command.txt").read_text())
    assert words[:4] == ["python", "-m", "trainer", "train"]
    words[words.index("--run") + 1] = str(tmp_path / "again")
    bare = {**_environment(), "PATH": ""}  # as in the container, which has no git
    subprocess.run([sys.executable, *words[1:]], check=True, capture_output=True, env=bare)
    assert _metrics(tmp_path / "again") == _metrics(unbroken)
    ours, theirs = (load_file(run / "best" / "model.safetensors") for run in (unbroken, tmp_path / "again"))
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_a_changed_plan_is_refused_by_name(
    corpus: Path, checkpoint: Path, unbroken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(unbroken), *STEADY, "--dropout", "0.3"]
    assert main(words) == 1
    assert "begun otherwise: --dropout was 0.1, not 0.3. Go on with the same" in capsys.readouterr().err


def test_a_run_of_before_options_were_kept_goes_on_or_is_refused_by_its_plan(
    corpus: Path, checkpoint: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(unbroken, tmp_path / "run")
    plan = json.loads((run / "plan.json").read_text())
    del plan["environment"]["given"]
    plan["environment"]["asked"] = "python -m trainer train corpora/tones --dropout 0.1"
    (run / "plan.json").write_text(json.dumps(plan))
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), *STEADY]
    assert main([*words, "--dropout", "0.3"]) == 1
    assert "begun otherwise: model.dropout was 0.1, not 0.3. Go on with the same" in capsys.readouterr().err
    assert main(words) == 0


def test_options_that_differ_are_named_as_they_are_given() -> None:
    before = Options(Path("corpora/a"), "tiny", Path("runs/a"), lora=4, lora_targets=("fc1", "fc2"), workers=3)
    now = replace(before, run=Path("runs/b"), lora=0, lora_targets=("fc1",), dropout=0.2, full_context=True, workers=1)
    assert sorted(changes(given(before), given(now))) == [
        "--dropout was not given, and is 0.2",
        "--full-context was not given, and is given",
        "--lora was 4, and is not given",
        "--lora-targets was fc1,fc2, not fc1",
    ]
    assert not list(changes(given(before), given(before)))


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ((), "give --recompute, with which the run goes on; or begin another run with half of --batch-s (it is 240)"),
        (("--recompute", "--lora", "4"), "for this: begin another run with half of --batch-s (it is 240) and twice of"),
    ],
)
def test_memory_that_ends_is_told_with_what_takes_less(
    corpus: Path,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: tuple[str, ...],
    remedy: str,
) -> None:
    def full(*words: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("trainer.training.loop.step", full)
    run = str(tmp_path / "run")
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", run, "--measure-every", "0", *given]
    assert main(words) == 1
    assert remedy in capsys.readouterr().err


def test_a_run_goes_on_with_less_memory(corpus: Path, checkpoint: Path, unbroken: Path, tmp_path: Path) -> None:
    run = shutil.copytree(unbroken, tmp_path / "run")
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), *STEADY, "--recompute"]
    assert main(words) == 0


def test_several_processes_begin_from_nothing_as_the_help_has_it(corpus: Path, tmp_path: Path) -> None:
    # Without `--`, torchrun takes --run for one of its own.
    words = ["--nproc-per-node", "3", "-m", "--", "trainer", "train", str(corpus), "--model", "new:tiny-demo"]
    words += ["--run", str(tmp_path / "team"), "--epochs", "0.5", "--batch", "8", "--measure-every", "0"]
    command = [str(Path(sys.executable).with_name("torchrun")), *words]
    done = subprocess.run(command, capture_output=True, text=True, env={**_environment(), "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "team" / "last" / "model.safetensors").exists()


def test_an_attempt_that_failed_before_it_learnt_is_no_plan_to_go_on_with(
    corpus: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--measure-every", "0"]
    with monkeypatch.context() as patched:
        patched.setattr(
            "trainer.training.loop.step", lambda *words: (_ for _ in ()).throw(MemoryError("out of memory"))
        )
        with pytest.raises(MemoryError):
            main([*words, "--batch", "64"])
    assert main([*words, "--batch", "16", "--epochs", "0.5"]) == 0
    assert json.loads((tmp_path / "run" / "plan.json").read_text())["plan"]["batches"]["shape"]["examples"] == 16


def test_clips_are_disturbed_balanced_and_mixed_with_silence_as_asked(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--epochs", "2", "--batch", "8"]
    words += ["--balance", "language:inf", "--without-speech", "0.1", "--measure-every", "0"]
    assert main(["train", *words, "--augment", "gain:0.5,noise:0.5:0..10"]) == 0
    epochs = json.loads((tmp_path / "run" / "seen.json").read_text())["epochs"]
    assert [epoch["draws"] for epoch in epochs[:2]] == [64, 64]
    assert all(6 <= epoch["without_speech"] <= 8 for epoch in epochs[:2])
    shares = {group["value"]: group["draws"] for group in epochs[0]["groups"]["language"]}
    assert max(shares.values()) - min(shares.values()) <= 2
    capsys.readouterr()
    assert main(["train", *words, "--augment", "gain:0.5"]) == 1
    assert "--augment was gain:0.5,noise:0.5:0..10, not gain:0.5" in capsys.readouterr().err
    assert main(["train", *words, "--augment", "gain:0.5,noise:0.5:0..10"]) == 0
    assert f"{tmp_path / 'run'} goes on behind step 18, 100 % of it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--language", "fi"), "no language 'fi' (it has en, sv)"),
        (("--context-s", "9"), "--context-s is up to the model's own 2 s"),
        (("--device", "cuda:99"), "--device cuda:99 cannot be used"),
        (("--dropout", "3"), "--dropout 3.0: it is from 0 to 1"),
        (("--epochs", "0"), "--epochs 0.0: it is more than 0"),
        (("--accumulate", "0"), "--accumulate 0: it is more than 0"),
        (("--workers", "-1"), "--workers -1: it is 0 or more"),
        (("--acft", "2", "--context-s", "1"), "--acft 2.0: it is from 0 to 1"),
        (("--lora", "2", "--lora-targets", "q_proj,foo"), "no layer is called 'foo'; there are fc1, fc2, k_proj"),
        (("--lora-targets", "q_proj"), "give --lora RANK, too"),
        (("--balance", "colour"), "no column 'colour'"),
        (("--model", "runs/no/such"), "there is no folder runs/no/such"),
        (("--acft", "0.5"), "--acft teaches a context shorter than the full one: give --context-s"),
        (("--acft", "0.5", "--model", "new:tiny-demo"), "--acft matches what a checkpoint knows"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(
    words: tuple[str, ...],
    sentence: str,
    corpus: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), *words]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("precision", DTYPES)
def test_adapters_are_trained_with_a_frozen_rest_and_merged_when_kept(
    corpus: Path, checkpoint: Path, tmp_path: Path, precision: str
) -> None:
    run = tmp_path / "adapted"
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), "--lora", "2", "--epochs", "1"]
    words += ["--precision", precision, "--dev-clips", "4"]
    assert main([*words, "--batch", "16", "--measure-every", "2", "--learning-rate", "0.01"]) == 0
    before, after = (load_file(folder / "model.safetensors") for folder in (checkpoint, run / "best"))
    assert before.keys() == after.keys()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert any("q_proj.weight" in name for name in changed)
    assert all(name.endswith("_proj.weight") or ".fc" in name for name in changed)


def _summary(wer_percent: float) -> dict[str, Any]:
    counts = {"words": 90, "substitutions": 1, "deletions": 2, "insertions": 0}
    return {**counts, "wer_percent": wer_percent, "cer_percent": 1.5, "wer_interval_percent": [2.0, 5.0]}


def _evaluation(run: Path, raised: bool = False) -> None:
    about = {"context": "full", "context_s": 2.0, "snr_db": None}
    document = {
        **{"model": str(run / "best"), "corpus": "corpora/tones", "split": "test"},
        "alarm": {"raised": raised, "sentence": "the start token comes twice"},
        "conditions": [*[{**about, **_summary(3.3)}] * 2, {**about, "snr_db": 10.0, **_summary(9.9)}],
        "groups": {"accent": {"skånska": _summary(4.4), "dalmål": _summary(5.5)}, "speaker": {"one": _summary(3.3)}},
    }
    (run / "evaluation-best-tones-test.json").write_text(json.dumps(document))


def test_a_run_is_published_with_what_was_measured(
    unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _evaluation(unbroken)
    out = tmp_path / "models" / "tones"
    out.mkdir(parents=True)
    (out / "left-over.txt").write_text("of the one before")
    (out / "config.json").touch()
    assert main(["publish", str(unbroken), str(out)]) == 0
    assert "3.30 % of 90 words wrong: tones test, 2 s of context" in capsys.readouterr().out
    assert not (out / "left-over.txt").exists()
    assert load_file(out / "model.safetensors").keys() == load_file(unbroken / "best" / "model.safetensors").keys()
    record = json.loads((out / "undertext.json").read_text())
    assert (record["languages"], record["context_s"], record["trained_with_prompts"]) == (["en", "sv"], 2.0, False)
    assert [(row["snr_db"], row["wer_percent"]) for row in record["wer"]] == [(None, 3.3), (10.0, 9.9)]
    assert record["provenance"]["command"].startswith("python -m trainer train")
    card = (out / "README.md").read_text()
    assert "| skånska | 4.4 % | 2.0–5.0 % | 1.5 % | 90 |" in card
    assert "By speaker" not in card, "a table of one row says nothing"
    assert "![loss](loss.svg)" in card
    assert (out / "word-error-rate-on-dev.svg").read_text().startswith("<svg")


def test_an_alarm_stops_publishing(unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _evaluation(unbroken, raised=True)
    assert main(["publish", str(unbroken), str(tmp_path / "out")]) == 1
    assert "the evaluation raised the alarm: the start token comes twice" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["publish", str(unbroken), str(tmp_path / "out"), "--despite-alarm"]) == 0
    assert read(unbroken, "best").evaluations[0]["alarm"]["raised"]


def test_what_is_no_model_is_not_replaced_by_one(
    unbroken: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(corpus.rglob("*"))
    assert main(["publish", str(unbroken), str(corpus), "--despite-alarm"]) == 1
    assert "is there already and is no model" in capsys.readouterr().err
    assert main(["train", str(corpus), "--model", "new:tiny-demo", "--run", str(corpus)]) == 1
    assert "is a corpus, and no place for a run" in capsys.readouterr().err
    assert sorted(corpus.rglob("*")) == before


def test_what_is_no_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", str(tmp_path), str(tmp_path / "out")]) == 1
    assert "is no run: it has no plan.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train", "tones", "--model", "m", "--run", "r", "--droput", "0.1"), "no --droput: did you mean --dropout?"),
        (("train", "tones", "--model", "m", "--run", "r", "--lr=1e-4"), "no --lr: did you mean --learning-rate?"),
        (("train", "tones", "--modle", "m", "--run", "r"), "no --modle: did you mean --model?"),
        (("tune", "tones", "--model", "m", "--study", "s", "--trails", "3"), "no --trails: did you mean --trials?"),
        (("report", "r", "--zzzzz"), "there is no --zzzzz\n"),
        (("publish", "r", "out", "more"), "unrecognized arguments: more"),
    ],
)
def test_a_misspelt_option_is_told_with_what_was_meant(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    said = capsys.readouterr().err
    assert told in said
    assert said.startswith(f"usage: python -m trainer {words[0]} ")


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = capsys.readouterr().out
    assert told.count("python -m trainer prepare") == 2
    assert "--model openai/whisper-large-v3 --run sv-large" in told
    assert "--model new:tiny-demo --run digits" in told


def test_a_published_model_is_exported_for_ctranslate2(unbroken: Path, tmp_path: Path) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2", reason="the extra ctranslate2 is not installed")
    _evaluation(unbroken)
    assert main(["publish", str(unbroken), str(tmp_path / "out"), "--ctranslate2", str(tmp_path / "ct2")]) == 0
    assert ctranslate2.models.Whisper(str(tmp_path / "ct2")).n_mels == 80
    assert json.loads((tmp_path / "ct2" / "preprocessor_config.json").read_text())["feature_size"] == 80
