"""`train --dry-run`: the description of a run, and the memory of a step without running it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer.__main__ import main
from trainer.corpus.clips import Corpus
from trainer.training.dry_run import batches_of, step_bytes
from trainer.training.losses import Targets
from trainer.training.memory import peak_bytes
from trainer.training.options import Options
from trainer.training.run import Run
from trainer.training.run_setup import load_checkpoint, prepare_model, set_up
from trainer.training.team import Team

pytestmark = pytest.mark.timeout(600)

WAYS: dict[str, dict[str, Any]] = {
    "all": {},
    "ctc": {"ctc": 0.3},
    "adapters": {"lora": 2, "recompute": True, "precision": "bf16"},
    "a teacher": {"acft": 0.5, "context_s": 1.5},
    "several batches": {"accumulate": 3},
}


def test_dry_run_describes_the_run_and_leaves_no_files(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--epochs", "3"]
    words += ["--batch", "8", "--accumulate", "2", "--freeze-encoder", "--measures", "3", "--language", "sv"]
    before = sorted(corpus.rglob("*"))
    assert main([*words, "--dry-run"]) == 0
    printed = capsys.readouterr()
    told = {line[:14].strip(): line[14:] for line in printed.out.splitlines()}
    assert told["clips"] == "64 of 65 fit, 0.0 h, in sv"
    assert "left out: 1 of 65 clips, longer than the context of 2 s" in printed.err
    assert told["steps"] == "about 12 in 3 epochs, 192 examples"
    assert told["a step"] == "16.0 examples in 2 batches on average"
    assert told["context"] == "2 s, padded to all of it"
    assert told["measures"] == "every 4 steps, and at the end, on 16 clips of dev"
    assert told["device"] == "cpu, in fp32"
    changing, of_all = (int(word.replace(",", "")) for word in told["parameters"].split() if word[0].isdigit())
    assert 0 < changing < of_all
    assert re.fullmatch(r"\d\.\d MB per checkpoint, twice that while one is replaced; free: [\d.]+ GB", told["disk"])
    assert re.fullmatch(r"at most [\d.]+ GiB in a step with 8 examples of 2 s", told["memory"])
    assert f"--run {tmp_path / 'run'}" in told["command"]
    assert not (tmp_path / "run").exists()
    assert sorted(corpus.rglob("*")) == before


def test_dry_run_refuses_the_same_options_as_training(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", "new:tiny-demo", "--run", str(tmp_path / "run"), "--dry-run"]
    assert main([*words, "--lora", "2"]) == 1
    assert "--lora needs a trained checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_step_takes_the_predicted_memory(way: str, corpus: Path, checkpoint: Path, tmp_path: Path) -> None:
    options = Options(corpus, str(checkpoint), tmp_path / "run", batch=8, **WAYS[way])
    there, device = Corpus(corpus), torch.device("cpu")

    def taken(fake: bool) -> int:
        setup = set_up(options, there, load_checkpoint(options, there), Team())
        batch = batches_of(setup).largest
        assert batch.positions == 50 * setup.context_s, "some batches are padded to all of it"
        model, teacher, _ = prepare_model(setup, device)
        if fake:
            return step_bytes(setup, model, teacher, batch, tmp_path / "fake")
        run = Run.start(tmp_path / "real", model.train(), setup.loaded.speller, setup.plan, teacher=teacher)
        batches = [replace(batch) for _ in range(options.accumulate)]
        found = peak_bytes(run, batches, Targets.of(batch))
        run.close()
        return found

    assert taken(fake=True) == pytest.approx(taken(fake=False), rel=0.01)


def test_original_weights_stay_off_the_device(corpus: Path, checkpoint: Path, tmp_path: Path) -> None:
    ways: dict[str, Any] = {"lora": 2, "acft": 0.5, "context_s": 1.5, "precision": "bf16"}
    options = Options(corpus, str(checkpoint), tmp_path / "run", batch=8, **ways)
    there = Corpus(corpus)
    model, teacher, originals = prepare_model(
        set_up(options, there, load_checkpoint(options, there), Team()), torch.device("meta")
    )
    assert teacher is not None
    assert teacher.model.device == model.device == torch.device("meta")
    assert originals
    assert {str(weight.device) for weight in originals.values()} == {"cpu"}
