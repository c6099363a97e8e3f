"""What a run would do, and whether a GPU has room for it, without a step and without a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import WhisperForConditionalGeneration

from trainer.corpus.clips import Corpus, total_s
from trainer.errors import PlanError
from trainer.models.device import device_of
from trainer.models.features import POSITIONS_PER_S, LogMel
from trainer.training.acft import Teacher
from trainer.training.averaging import trained
from trainer.training.batches import Batch, Stream
from trainer.training.deciding import Decided, begun, decide, load
from trainer.training.disk import amount, checkpoint_bytes, free_bytes
from trainer.training.losses import Targets
from trainer.training.memory import fill, peak, without_contents
from trainer.training.options import Options, command
from trainer.training.run import Run
from trainer.training.sizing import batches_ahead, mean_examples
from trainer.training.team import Team, local_rank

_GIB = 2**30


@dataclass(frozen=True)
class Batches:
    """Those of a run: how many examples one has in the mean, and which one takes the most memory, padded as at most."""

    mean: float
    largest: Batch


def dry_run(options: Options) -> Iterator[tuple[str, str]]:
    """What would be done, a name and what there is to say of it at a time.

    Raises:
        TrainerError: the same as of `train_run`, but for what can be told from the run's folder alone.
    """
    options.check()
    team = Team.of_environment(torch.device("cpu"))
    if team.size > 1:
        raise PlanError("--dry-run is of one process: start it without torchrun")
    device = device_of(options.device, local_rank())
    with tempfile.TemporaryDirectory(prefix="undertext-dry-run-") as folder:
        elsewhere = replace(options, run=Path(folder))
        corpus = Corpus(options.corpus)
        decided = decide(elsewhere, corpus, load(elsewhere, corpus), team)
        yield "clips", _clips(decided)
        batches = batches_of(decided)
        yield from _steps(decided, batches)
        yield "device", _device(decided, device)
        model, teacher, _ = begun(decided, torch.device("cpu"))
        changing, of_all = (sum(p.numel() for p in ps) for ps in (trained(model).values(), model.parameters()))
        yield "parameters", f"{changing:,} change, of {of_all:,}"
        yield "disk", _disk(checkpoint_bytes(model, decided.plan.average_decay > 0), options.run)
        taken = step_bytes(decided, model, teacher, batches.largest, Path(folder))
        yield "memory", _memory(taken, batches.largest, device)
        yield "command", command(options, decided.plan)


def batches_of(decided: Decided) -> Batches:
    """By the durations of examples alone; the largest one is then made."""
    plan, loaded, source = decided.plan, decided.loaded, decided.source
    shape = plan.batches.shape
    found = batches_ahead(source, plan.seed, shape, min(source.epoch_starts(1), plan.utterances))
    # Now and then a batch is padded to all of the context, be its examples as short as they may.
    widest = replace(shape, least_s=shape.most_s if shape.wide_share else shape.least_s + shape.jitter_s)

    def size(indices: Sequence[int]) -> tuple[float, float]:
        durations_s = [source.duration_s(index) for index in indices]
        return len(indices) * max(widest.least_s, *durations_s), sum(durations_s)

    config = loaded.model.config
    stream = Stream(
        source,
        loaded.speller,
        replace(plan.batches, shape=widest),
        plan.seed,
        config.num_mel_bins,
        config.max_target_positions,
    )
    largest = stream.make(max(found, key=size), LogMel(config.num_mel_bins))
    return Batches(mean_examples(found), largest)


def step_bytes(
    decided: Decided, model: WhisperForConditionalGeneration, teacher: Teacher | None, batch: Batch, folder: Path
) -> int:
    """The most bytes that a step of such batches holds; the models have lost their weights behind it."""
    # The scaler of fp16 reads gradients, which have no contents here; bf16 takes as much.
    plan = replace(decided.plan, precision="fp32" if decided.plan.precision == "fp32" else "bf16")
    targets = Targets.of(batch)
    with without_contents():
        for each in (model, teacher.model) if teacher else (model,):
            fill(each, torch.device("cpu"))
        tensors: dict[str, Any] = {
            name: torch.empty_like(value) for name, value in vars(batch).items() if torch.is_tensor(value)
        }
        run = Run.start(folder, model.train(), decided.loaded.speller, plan, teacher=teacher)
        try:
            # With a second batch, the first one's gradients are there already.
            return peak(run, [replace(batch, **tensors)] * min(2, plan.accumulate), targets)
        finally:
            run.close()


def _clips(decided: Decided) -> str:
    there = len(decided.clips) + sum(decided.left_out.values())
    hours = f"{total_s(decided.clips) / 3600:.1f} h"
    return f"{len(decided.clips):,} of {there:,} fit, {hours}, in {', '.join(decided.languages)}"


def _steps(decided: Decided, batches: Batches) -> Iterator[tuple[str, str]]:
    plan, options = decided.plan, decided.options
    steps = max(1, round(plan.utterances / (batches.mean * plan.accumulate)))
    yield "steps", f"about {steps:,} in {options.epochs:g} epochs, {plan.utterances:,} examples"
    of = f" in {plan.accumulate} batches" if plan.accumulate > 1 else ""
    padded = "padded to all of it" if decided.full else "and any length below"
    yield "a step", f"{plan.accumulate * batches.mean:.1f} examples{of}, in the mean"
    yield "context", f"{decided.context_s:g} s, {padded}"
    yield "learning rate", f"{plan.learning_rate:g}, down to nothing; steps of warm-up: {plan.warm_up_steps:,}"
    if decided.dev:
        every = f"one in {plan.measure_every_steps:,} steps, and at the end"
        yield "measures", f"{every}, on {len(decided.dev):,} clips of dev"
    else:
        yield "measures", "none"


def _device(decided: Decided, device: torch.device) -> str:
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{device}{name}, in {decided.plan.precision}"


def _disk(checkpoint: int, run: Path) -> str:
    return f"{amount(checkpoint)} for a checkpoint, twice that while one is replaced; free: {amount(free_bytes(run))}"


def _memory(taken: int, batch: Batch, device: torch.device) -> str:
    told = (
        f"{taken / _GIB:.1f} GiB at most in a step, of {len(batch)} examples of {batch.positions / POSITIONS_PER_S:g} s"
    )
    if device.type != "cuda":
        return told
    free, _ = torch.cuda.mem_get_info(device)
    return f"{told}; free: {free / _GIB:.1f} GiB, of which CUDA itself takes up to one"
