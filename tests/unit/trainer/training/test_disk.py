"""Disk space of checkpoints."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from trainer.examples import ExampleSource
from trainer.models.features import LogMel
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
from trainer.training.batches import collate
from trainer.training.disk import checkpoint_bytes, disk_warning
from trainer.training.loop import step
from trainer.training.plan import Plan
from trainer.training.run import Run

Usage = namedtuple("Usage", "total used free")


def test_checkpoint_size_is_estimated(speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path) -> None:
    model = new_model(tiny, speller, 1)
    run = Run.start(tmp_path, model, speller, Plan())
    step(run, [collate([tones.example(0)], speller, LogMel(), least_s=2.0)])
    run.save()
    run.close()
    assert checkpoint_bytes(model, averaged=True) == pytest.approx((tmp_path / "checkpoint.pt").stat().st_size, rel=0.2)


def test_warning_when_a_checkpoint_does_not_fit_beside_the_previous_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(30_000_000, 15_000_000, 15_000_000))
    run = tmp_path / "run"
    assert disk_warning(run, 7_500_000) == ""
    assert f"warning: {run} has 15.0 MB free: a checkpoint takes 7.6 MB" in disk_warning(run, 7_600_000)
    run.mkdir()
    (run / "checkpoint.pt").write_bytes(bytes(10_000_000))
    assert disk_warning(run, 10_000_000) == ""
