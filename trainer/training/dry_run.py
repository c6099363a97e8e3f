"""`train --dry-run`: what a run would do and how much memory it needs, without training and without a run folder."""

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
from trainer.training.disk import amount, checkpoint_bytes, free_bytes
from trainer.training.losses import Targets
from trainer.training.memory import peak_bytes, randomize_weights, without_contents
from trainer.training.options import Options, command_to_repeat
from trainer.training.run import Run
from trainer.training.run_setup import Setup, load_checkpoint, prepare_model, set_up
from trainer.training.sizing import batches_ahead, mean_examples
from trainer.training.team import Team, local_rank

_GIB = 2**30


@dataclass(frozen=True)
class Batches:
    """The mean number of examples in a run's batches, and the batch that takes the most memory when fully padded."""

    mean: float
    largest: Batch


def dry_run(options: Options) -> Iterator[tuple[str, str]]:
    """Yield what a run would do, as pairs of a name and a description.

    Raises:
        TrainerError: as for `train_run`, except for errors that only the run's folder shows.
    """
    options.check()
    team = Team.of_environment(torch.device("cpu"))
    if team.size > 1:
        raise PlanError("--dry-run is for a single process: start it without torchrun")
    device = device_of(options.device, local_rank())
    with tempfile.TemporaryDirectory(prefix="undertext-dry-run-") as folder:
        temporary = replace(options, run=Path(folder))
        corpus = Corpus(options.corpus)
        setup = set_up(temporary, corpus, load_checkpoint(temporary, corpus), team)
        yield "clips", _clips(setup)
        batches = batches_of(setup)
        yield from _steps(setup, batches)
        yield "device", _device(setup, device)
        model, teacher, _ = prepare_model(setup, torch.device("cpu"))
        trainable, total = (sum(p.numel() for p in ps) for ps in (trained(model).values(), model.parameters()))
        yield "parameters", f"{trainable:,} trainable of {total:,}"
        yield "disk", _disk(checkpoint_bytes(model, setup.plan.average_decay > 0), options.run)
        peak_bytes = step_bytes(setup, model, teacher, batches.largest, Path(folder))
        yield "memory", _memory(peak_bytes, batches.largest, device)
        yield "command", command_to_repeat(options, setup.plan)


def batches_of(setup: Setup) -> Batches:
    """Plan the batches by the durations of examples only, then make the largest one."""
    plan, loaded, source = setup.plan, setup.loaded, setup.source
    shape = plan.batches.shape
    planned = batches_ahead(source, plan.seed, shape, min(source.epoch_starts(1), plan.utterances))
    # Some batches are padded to the whole context, however short their examples.
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
    largest = stream.make(max(planned, key=size), LogMel(config.num_mel_bins))
    return Batches(mean_examples(planned), largest)


def step_bytes(
    setup: Setup, model: WhisperForConditionalGeneration, teacher: Teacher | None, batch: Batch, folder: Path
) -> int:
    """Peak bytes of a training step with such batches; the models lose their weights."""
    # The gradient scaler of fp16 reads gradients, which have no contents here; bf16 takes as much memory.
    plan = replace(setup.plan, precision="fp32" if setup.plan.precision == "fp32" else "bf16")
    targets = Targets.of(batch)
    with without_contents():
        for module in (model, teacher.model) if teacher else (model,):
            randomize_weights(module, torch.device("cpu"))
        tensors: dict[str, Any] = {
            name: torch.empty_like(value) for name, value in vars(batch).items() if torch.is_tensor(value)
        }
        run = Run.start(folder, model.train(), setup.loaded.speller, plan, teacher=teacher)
        try:
            # The second batch is computed beside the gradients of the first.
            return peak_bytes(run, [replace(batch, **tensors)] * min(2, plan.accumulate), targets)
        finally:
            run.close()


def _clips(setup: Setup) -> str:
    total = len(setup.clips) + sum(setup.left_out.values())
    hours = f"{total_s(setup.clips) / 3600:.1f} h"
    return f"{len(setup.clips):,} of {total:,} fit, {hours}, in {', '.join(setup.languages)}"


def _steps(setup: Setup, batches: Batches) -> Iterator[tuple[str, str]]:
    plan, options = setup.plan, setup.options
    steps = max(1, round(plan.utterances / (batches.mean * plan.accumulate)))
    yield "steps", f"about {steps:,} in {options.epochs:g} epochs, {plan.utterances:,} examples"
    in_batches = f" in {plan.accumulate} batches" if plan.accumulate > 1 else ""
    padded = "padded to all of it" if setup.full else "and any length below"
    yield "a step", f"{plan.accumulate * batches.mean:.1f} examples{in_batches} on average"
    yield "context", f"{setup.context_s:g} s, {padded}"
    yield "learning rate", f"{plan.learning_rate:g}, decaying to 0; {plan.warm_up_steps:,} steps of warm-up"
    if setup.dev:
        every = f"every {plan.measure_every_steps:,} steps, and at the end"
        yield "measures", f"{every}, on {len(setup.dev):,} clips of dev"
    else:
        yield "measures", "none"


def _device(setup: Setup, device: torch.device) -> str:
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{device}{name}, in {setup.plan.precision}"


def _disk(checkpoint: int, run: Path) -> str:
    return f"{amount(checkpoint)} per checkpoint, twice that while one is replaced; free: {amount(free_bytes(run))}"


def _memory(peak_bytes: int, batch: Batch, device: torch.device) -> str:
    peak = f"{peak_bytes / _GIB:.1f} GiB"
    needed = f"at most {peak} in a step with {len(batch)} examples of {batch.positions / POSITIONS_PER_S:g} s"
    if device.type != "cuda":
        return needed
    free, _ = torch.cuda.mem_get_info(device)
    return f"{needed}; free: {free / _GIB:.1f} GiB, of which CUDA itself takes up to 1 GiB"
