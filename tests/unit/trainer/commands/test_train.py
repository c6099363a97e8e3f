"""`train` on the command line, with a language of three tones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import WhisperForConditionalGeneration

from tests.unit.trainer.commands.steady_runs import environment
from tests.unit.trainer.metrics import metrics_of
from trainer.__main__ import main
from trainer.models.precision import DTYPES

#: Each test starts Python and torch again, on a busy machine.
pytestmark = pytest.mark.timeout(600)


def test_a_run_leaves_what_its_help_promises(unbroken: Path) -> None:
    metrics = metrics_of(unbroken)
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


def test_a_run_that_stops_early_says_so(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, base = tmp_path / "run", tmp_path / "base"
    shutil.copytree(checkpoint, base)
    (base / "undertext.json").write_text(json.dumps({"languages": ["en", "fi", "sv"]}))
    words = ["train", str(corpus), "--model", str(base), "--run", str(run), "--batch", "8", "--epochs", "5"]
    assert main([*words, "--learning-rate", "1e-9", "--measure-every", "1", "--patience", "2"]) == 0
    assert f"will be for en, sv only: {base} also supports fi" in (run / "train.log").read_text(encoding="utf-8")
    assert "3 steps" in (told := capsys.readouterr().out)
    assert "stopped early after 2 evaluations without improvement (--patience)" in told
    assert "stopped early at" in (run / "report.html").read_text(encoding="utf-8")


def test_a_run_that_diverges_ends_and_says_so(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--batch", "8"]
    assert main([*words, "--learning-rate", "1e30", "--warm-up", "0", "--measure-every", "2"]) == 1
    assert "has diverged: its loss is NaN or infinite at step 2" in (told := capsys.readouterr().err)
    assert "a lower --learning-rate (it is 1e+30)" in told
    assert not (tmp_path / "run" / "best").exists(), "which would have been no model"


def test_several_processes_train_from_scratch_as_in_the_help(corpus: Path, tmp_path: Path) -> None:
    # Without `--`, torchrun takes --run for one of its own.
    words = ["--nproc-per-node", "2", "-m", "--", "trainer", "train", str(corpus), "--model", "new:tiny-demo"]
    words += ["--run", str(tmp_path / "team"), "--epochs", "0.5", "--batch", "8", "--measure-every", "0"]
    command = [str(Path(sys.executable).with_name("torchrun")), *words]
    done = subprocess.run(command, capture_output=True, text=True, env={**environment(), "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "team" / "last" / "model.safetensors").exists()
    assert done.stdout.splitlines() == [f"{tmp_path / 'team'}: 3 steps"], "told once"
    assert done.stderr.count("too few to learn much") == 1


def test_augmentation_balancing_and_silence_are_applied(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--epochs", "2", "--batch", "8"]
    words += ["--balance", "language:inf", "--without-speech", "0.1", "--measure-every", "0"]
    assert main(["train", *words, "--augment", "gain:0.5,noise:0.5:0..10"]) == 0
    epochs = json.loads((tmp_path / "run" / "seen.json").read_text())["epochs"]
    assert [epoch["draws"] for epoch in epochs[:2]] == [64, 64]
    assert all(6 <= epoch["without_speech"] <= 8 for epoch in epochs[:2])
    shares = {group["value"]: group["draws"] for group in epochs[0]["groups"]["language"]}
    assert min(shares.values()) >= 31, "half of the first clips of windows; what follows is drawn by chance"
    assert sum(shares.values()) == epochs[0]["clips"] > 64
    capsys.readouterr()
    assert main(["train", *words, "--augment", "gain:0.5"]) == 1
    assert "--augment was gain:0.5,noise:0.5:0..10, not gain:0.5" in capsys.readouterr().err
    assert main(["train", *words, "--augment", "gain:0.5,noise:0.5:0..10"]) == 0
    assert f"{tmp_path / 'run'} is complete (step 18): nothing is left to train" in capsys.readouterr().err


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


def test_help_has_examples_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = capsys.readouterr().out
    assert told.count("python -m trainer prepare") == 2
    assert "--model openai/whisper-large-v3 --run sv-large" in told
    assert "--model new:tiny-demo --run digits" in told


@pytest.mark.parametrize("way", [("--lora", "2"), ("--freeze-encoder",)], ids=["adapters", "the decoder"])
def test_frozen_weights_are_unchanged_in_half_precision(
    way: tuple[str, ...], corpus: Path, checkpoint: Path, tmp_path: Path
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--precision", "bf16"]
    assert main([*words, *way, "--epochs", "0.5", "--batch", "8", "--measure-every", "0", "--device", "cpu"]) == 0
    before, after = (load_file(folder / "model.safetensors") for folder in (checkpoint, tmp_path / "run" / "last"))
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed
    if way == ("--lora", "2"):
        assert all(name.endswith(("_proj.weight", "fc1.weight", "fc2.weight")) for name in changed)
    else:
        assert not any(".encoder." in name for name in changed)
