"""Resuming a run of `train` that was killed or stopped, or that is started again."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.unit.trainer.commands.steady_runs import STEADY, environment, train_command
from tests.unit.trainer.metrics import metrics_of, steps_told
from trainer.__main__ import main

#: Some tests start Python and torch again, on a busy machine.
pytestmark = pytest.mark.timeout(600)


def _wait_for(step: int, process: subprocess.Popen[Any], run: Path) -> None:
    """Wait until a run logs a step."""
    while steps_told(run) < step:
        assert process.poll() is None, "it ended too soon"
        time.sleep(0.01)


def _killed_behind(step: int, command: list[str], run: Path) -> None:
    """Start a run and kill it with SIGKILL as soon as it logs a step."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    _wait_for(step, process, run)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_killed_run_resumes_to_the_same_losses_and_model(
    corpus: Path, checkpoint: Path, unbroken: Path, tmp_path: Path
) -> None:
    command = train_command(corpus, "--model", checkpoint, "--run", tmp_path / "killed", *STEADY)
    _killed_behind(3, command, tmp_path / "killed")
    _killed_behind(6, command, tmp_path / "killed")
    assert main(command[3:]) == 0
    assert metrics_of(tmp_path / "killed") == metrics_of(unbroken)
    for name in ("best", "last"):
        weights = [load_file(run / name / "model.safetensors") for run in (unbroken, tmp_path / "killed")]
        assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_run_writes_a_checkpoint(
    corpus: Path,
    checkpoint: Path,
    unbroken: Path,
    tmp_path: Path,
    sent: signal.Signals,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "stopped"
    # No checkpoint is due before the end.
    command = train_command(corpus, "--model", checkpoint, "--run", run, *STEADY, "--checkpoint-every-s", "3600")
    # A terminal sends the signal to all processes, including batch workers.
    own = {"start_new_session": True, "env": environment(), "text": True}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **own)
    _wait_for(3, process, run)
    os.killpg(process.pid, sent)
    _, told = process.communicate()
    assert process.returncode == code, told
    found = re.search(r"trainer: stopped; the same command resumes after step (\d+)", told)
    assert found, told
    assert "trainer: stopping after this step; interrupt again to stop at once\n" in told
    assert 3 <= int(found[1]) < 12
    assert main(command[3:]) == 0
    assert f"resumes after step {found[1]}" in capsys.readouterr().err
    assert metrics_of(run) == metrics_of(unbroken)


def test_a_run_with_a_damaged_corpus_ends_with_an_error(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = shutil.copytree(corpus, tmp_path / "damaged")
    for audio in (damaged / "audio").iterdir():
        os.truncate(audio, 1000)
    command = train_command(damaged, "--model", checkpoint, "--run", tmp_path / "run", *STEADY)
    assert main(command[3:]) == 1
    told = capsys.readouterr().err
    assert f"trainer: {damaged / 'audio' / '0000.pcm'} is truncated: prepare the corpus again" in told
    assert "Traceback" not in told


def test_the_command_in_its_folder_repeats_a_run_bit_for_bit(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split((unbroken / "command.txt").read_text())
    assert words[:4] == ["python", "-m", "trainer", "train"]
    words[words.index("--run") + 1] = str(tmp_path / "again")
    monkeypatch.setenv("PATH", "")  # as in the container, which has no git
    assert main(words[3:]) == 0
    assert metrics_of(tmp_path / "again") == metrics_of(unbroken)
    ours, theirs = (load_file(run / "best" / "model.safetensors") for run in (unbroken, tmp_path / "again"))
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_a_run_may_resume_with_memory_saving_options(
    corpus: Path, checkpoint: Path, unbroken: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(unbroken, tmp_path / "run")
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), *STEADY, "--recompute"]
    assert main(words) == 0


def test_a_run_without_recorded_options_is_checked_by_its_plan(
    corpus: Path, checkpoint: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(unbroken, tmp_path / "run")
    plan = json.loads((run / "plan.json").read_text())
    del plan["environment"]["given"]
    plan["environment"]["asked"] = "python -m trainer train corpora/tones --dropout 0.1"
    (run / "plan.json").write_text(json.dumps(plan))
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), *STEADY]
    assert main([*words, "--dropout", "0.3"]) == 1
    assert (
        "started with other settings: model.dropout was 0.1, not 0.3. Use the same settings" in capsys.readouterr().err
    )
    assert main(words) == 0


def test_a_changed_plan_is_refused_by_name(
    corpus: Path, checkpoint: Path, unbroken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(unbroken), *STEADY, "--dropout", "0.3"]
    assert main(words) == 1
    assert "started with other settings: --dropout was 0.1, not 0.3. Use the same settings" in capsys.readouterr().err


def test_a_run_from_scratch_does_not_replace_one_of_another_language(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", "new:tiny-demo", "--run", str(tmp_path / "run")]
    words += ["--measure-every", "0", "--epochs", "0.2", "--batch", "8"]
    assert main([*words, "--language", "en"]) == 0
    assert main(words) == 1
    assert "was started with other languages" in capsys.readouterr().err


def test_a_run_that_failed_before_its_first_step_can_be_started_anew(
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
