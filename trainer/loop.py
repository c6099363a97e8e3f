"""The training loop, from top to bottom: batch, losses, step, average, and now and then a checkpoint and a measure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Never

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import WhisperForConditionalGeneration

from trainer.averaging import Average
from trainer.batches import Batch, loader
from trainer.checkpoint import Progress, restore, save
from trainer.examples import ExampleSource
from trainer.losses import Heads, Losses, Weights, losses
from trainer.tokenizer import Speller

Measure = Callable[[WhisperForConditionalGeneration], dict[str, float]]


@dataclass(frozen=True)
class Plan:
    """How to train. Ends after `utterances`, or, if `minutes` is given, when that much time was spent in training."""

    utterances: int = 200_000
    minutes: float | None = None
    seed: int = 1
    batch: int = 32
    learning_rate: float = 1.5e-3
    warm_up_steps: int = 400
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.998
    weights: Weights = field(default_factory=Weights)
    #: Seconds between two checkpoints: what a kill can cost. And between two measures.
    checkpoint_every_s: float = 180.0
    measure_every_s: float = 600.0

    def done(self, progress: Progress) -> float:
        """How much of the training is behind: 0..1, by the clock or by the count."""
        if self.minutes is not None:
            return min(1.0, progress.elapsed_s / (60 * self.minutes))
        return min(1.0, progress.batches * self.batch / self.utterances)

    def rate(self, progress: Progress) -> float:
        """Learning rate: up to the full one over the warm-up, then down to nothing along a straight line."""
        warm = min(1.0, (progress.batches + 1) / self.warm_up_steps)
        return self.learning_rate * warm * (1.0 - self.done(progress))


@dataclass
class Run:
    """All that training changes. `folder` keeps plan.json, metrics.jsonl and the checkpoint."""

    folder: Path
    model: WhisperForConditionalGeneration
    heads: Heads
    optimizer: torch.optim.Optimizer
    average: Average
    progress: Progress

    @classmethod
    def start(cls, folder: Path, model: WhisperForConditionalGeneration, speller: Speller, plan: Plan) -> Run:
        """A new run, or the one that was interrupted in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        heads = Heads(model.config.d_model, speller.end)
        parameters = [*(p for p in model.parameters() if p.requires_grad), *heads.parameters()]
        optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=plan.weight_decay, fused=True)
        run = cls(folder, model, heads, optimizer, Average(model, plan.average_decay), Progress())
        (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=1), encoding="utf-8")
        run.progress = restore(folder, run.modules, optimizer) or run.progress
        return run

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        return {"model": self.model, "heads": self.heads, "average": self.average.model}

    def save(self) -> None:
        save(self.folder, self.modules, self.optimizer, self.progress)

    def log(self, entry: dict[str, float]) -> None:
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"batches": self.progress.batches, **entry}) + "\n")


def train(run: Run, source: ExampleSource, speller: Speller, plan: Plan, measure: Measure | None = None) -> None:
    """Train until the plan is fulfilled; a kill at any time costs what came after the last checkpoint."""
    batches = loader(source, speller, plan.seed, plan.batch, run.progress.batches, run.model.config.num_mel_bins)
    saved_at = measured_at = time.monotonic()
    run.model.train()
    with _bar(plan, run.progress) as bar:
        while plan.done(run.progress) < 1.0:
            began = time.monotonic()
            found = step(run, next(batches), plan)
            run.progress.batches += 1
            run.progress.elapsed_s += time.monotonic() - began
            _show(bar, plan, run, found)
            if time.monotonic() - saved_at > plan.checkpoint_every_s:
                run.save()
                saved_at = time.monotonic()
            if measure and time.monotonic() - measured_at > plan.measure_every_s:
                run.log(measure(run.average.model))
                measured_at = time.monotonic()
    run.save()


def step(run: Run, batch: Batch, plan: Plan) -> Losses:
    """One step of the optimizer."""
    for group in run.optimizer.param_groups:
        group["lr"] = plan.rate(run.progress)
    found = losses(run.model, run.heads, batch, plan.weights)
    run.optimizer.zero_grad()
    found.total.backward()
    torch.nn.utils.clip_grad_norm_([*run.model.parameters(), *run.heads.parameters()], plan.clip_norm)
    run.optimizer.step()
    run.average.update(run.model, run.progress.batches)
    return found


def _bar(plan: Plan, progress: Progress) -> tqdm[Never]:
    total = plan.utterances if plan.minutes is None else round(60 * plan.minutes)
    done = round(plan.done(progress) * total)
    unit = "utterance" if plan.minutes is None else "s"
    return tqdm(total=total, initial=done, unit=unit, desc="train", mininterval=5.0, smoothing=0.02)


def _show(bar: tqdm[Never], plan: Plan, run: Run, found: Losses) -> None:
    bar.update(round(plan.done(run.progress) * (bar.total or 0)) - bar.n)
    if run.progress.batches % 20 == 0:
        values = {name: float(value.detach()) for name, value in vars(found).items() if isinstance(value, Tensor)}
        bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()}, refresh=False)
        rate = run.progress.batches * plan.batch / max(run.progress.elapsed_s, 1e-9)
        run.log({**values, "utterances_per_s": rate, "learning_rate": plan.rate(run.progress)})
