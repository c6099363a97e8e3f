"""Training and writing down on a GPU that is none (`tests.fake_gpu`): what they do there, they do on a CPU."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.fake_gpu import fake_gpu
from tests.unit.trainer.metrics import metrics_of
from trainer.__main__ import main
from trainer.corpus.clips import Corpus
from trainer.evaluation.decoding import DecodingOptions, decode
from trainer.evaluation.evaluate import Plan as EvaluationPlan
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.recogniser import Recogniser, load
from trainer.evaluation.utterances import of_clips, of_examples
from trainer.examples import ExampleSource
from trainer.models.features import LogMel
from trainer.models.lora import TARGETS, adapt
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
from trainer.training.acft import Teacher
from trainer.training.batches import collate
from trainer.training.loop import step
from trainer.training.losses import Weights
from trainer.training.options import Options
from trainer.training.plan import Plan
from trainer.training.run import Run
from trainer.training.train import _workers

PLAN = Plan(utterances=100, learning_rate=1e-3, warm_up_steps=1, weights=Weights(0.3, 0.3, 0.2), average_decay=0.9)

WAYS = {
    "all weights": PLAN,
    "recomputed": replace(PLAN, recompute=True),
    "adapters": PLAN,
    "matched": replace(PLAN, weights=Weights(matching=0.5)),
}


def _losses(folder: Path, way: str, device: str, speller: Speller, size: Size, tones: ExampleSource) -> list[float]:
    """Of three steps, behind the second of which the run is given up and gone on with."""
    model = new_model(size, speller, 1)
    if way == "adapters":
        adapt(model, 4, 8, TARGETS, seed=2)
    torch.nn.Module.to(model, device)
    batch = collate([tones.example(index) for index in (0, 1, 3, 7)], speller, LogMel(), least_s=1.5)
    found = []
    for steps in (2, 1):
        teacher = Teacher.of(model, 2.0) if way == "matched" else None
        run = Run.start(folder, model, speller, WAYS[way], teacher=teacher)
        found += [float(step(run, [batch]).total) for _ in range(steps)]
        run.save()
        run.close()
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_gpu_learns_what_a_cpu_learns(
    way: str, speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    expected = _losses(tmp_path / "cpu", way, "cpu", speller, tiny, tones)
    with fake_gpu():
        found = _losses(tmp_path / "gpu", way, "cuda", speller, tiny, tones)
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_gpu_writes_what_a_cpu_writes(speller: Speller, tiny: Size, tones: ExampleSource) -> None:
    utterances = of_examples([tones.example(index) for index in range(5)])
    model = new_model(tiny, speller, 1).eval()
    expected = decode(Recogniser.of(model, speller), utterances, DecodingOptions(2.0))
    with fake_gpu():
        torch.nn.Module.to(model, "cuda")
        assert decode(Recogniser.of(model, speller), utterances, DecodingOptions(2.0)) == expected


def test_a_whole_run_on_a_gpu_is_that_of_a_cpu(corpus: Path, checkpoint: Path, tmp_path: Path) -> None:
    metrics = []
    for device in ("cpu", "cuda"):
        run = tmp_path / device
        words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), "--device", device]
        words += ["--batch", "8", "--epochs", "1", "--log-every", "1", "--measure-every", "2", "--dev-clips", "4"]
        words += ["--timestamps", "0.5", "--prompts", "0.5", "--label-smoothing", "0.1"]
        words += ["--workers", "0", "--precision", "fp32"]
        with fake_gpu() if device == "cuda" else nullcontext():
            assert main(words) == 0
            recogniser = load(str(run / "best"), device)
            found = evaluate(recogniser, of_clips(Corpus(corpus), Corpus(corpus).split("dev")), EvaluationPlan())
        metrics.append([*metrics_of(run), {"loss": found.figures["loss"]}])
    assert len(metrics[0]) == len(metrics[1])
    for ours, theirs in zip(*metrics, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize(("cores", "processes", "workers"), [(1, 1, 1), (8, 1, 7), (16, 8, 1), (208, 1, 16)])
def test_a_gpu_gets_as_many_workers_as_there_are_cores_but_not_hundreds(
    cores: int, processes: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert _workers(Options(Path("corpus"), "tiny", Path("run")), torch.device("cuda")) == workers
