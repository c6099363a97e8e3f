"""The training loop, from top to bottom: batches, losses, step, average, and now and then a checkpoint and a measure.

transformers' Trainer is not used. Of its traps, four cannot happen here: a step's loss is a mean over the target tokens
of all its batches, so there is no `num_items_in_batch` to be ignored; the decoder's input is ours and so is there when
labels are smoothed; nothing strips or shifts labels behind our back; and no argument of it can be renamed.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import Never

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import WhisperForConditionalGeneration

from trainer.errors import TrainerError
from trainer.examples import ExampleSource
from trainer.models.precision import computing
from trainer.models.tokenizer import Speller
from trainer.run_folder import CHARACTERS, DECISIVE
from trainer.stopping import Stop, Stopped
from trainer.training.averaging import trained
from trainer.training.batch_errors import told
from trainer.training.batches import Batch, Stream, loader
from trainer.training.losses import Losses, Targets, losses
from trainer.training.pacing import Pace
from trainer.training.run import Run


class Diverged(TrainerError):
    """Training came to numbers that are none, and no step leads back from there."""


Measure = Callable[[WhisperForConditionalGeneration], dict[str, float]]
#: Told to keep the model as it is now, by a name: "best" or "last".
Keep = Callable[[str], None]


def train(
    run: Run,
    source: ExampleSource,
    speller: Speller,
    measure: Measure | None = None,
    keep: Keep | None = None,
    workers: int = 1,
    stop: Stop | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Train until the plan is fulfilled; a kill at any time costs what came after the last checkpoint.

    Args:
        clock: seconds from any beginning.

    Raises:
        Diverged: what was measured is no number.
        Stopped: a stop was asked for; the checkpoint is of the last step, if the disk has room for it.
    """
    stop = stop or Stop()
    plan, progress = run.plan, run.progress
    stream = loader(_stream(run, source, speller), workers, pinned=run.model.device.type == "cuda")
    pace = Pace(plan.checkpoint_every_s, clock)
    run.model.train()
    with _ending(stream), _bar(run) as bar:
        began = clock()
        while plan.done(progress) < 1.0:
            batches = [next(stream) for _ in range(plan.accumulate)]
            found = step(run, batches)
            # From step to step: a GPU is still at work on this one, and is waited for where its losses are shown.
            now = clock()
            asked = _advance(run, batches, now - began, stop)
            began = now
            _show(bar, run, found)
            due = plan.measure_every_steps and progress.steps % plan.measure_every_steps == 0
            if measure and (due or plan.done(progress) >= 1.0):
                _examine(run, measure, keep, bar)
                began = clock()
            if asked and plan.done(progress) < 1.0:
                run.save()
                raise Stopped(run.saved_steps, stop.signal_number or signal.SIGTERM)
            if pace.due:
                with pace.writing():
                    run.save()
                began = clock()
    if run.saved_steps < progress.steps:
        run.save()


def step(run: Run, batches: Sequence[Batch], targets: Targets | None = None) -> Losses:
    """One step of the optimizer: on the mean over all that these batches, and those of all processes, ask for.

    Args:
        targets: how much that is, where it is known.
    """
    plan, device = run.plan, run.model.device
    for group in run.optimizer.param_groups:
        group["lr"] = plan.rate(run.progress)
    run.optimizer.zero_grad()
    if targets is None:
        counted = sum((Targets.of(batch) for batch in batches), Targets())
        targets = Targets(*run.team.numbers(astuple(counted), device))
    parts = []
    for batch in batches:
        with computing(device, plan.precision):
            part = losses(
                run.model, run.heads, batch.to(device), plan.weights, targets, plan.label_smoothing, run.teacher
            )
        run.scaler.scale(part.total).backward()
        parts.append(part.detach())
    parameters = [*trained(run.model).values(), *run.heads.parameters()]
    run.team.add(p.grad for p in parameters if p.grad is not None)
    run.scaler.unscale_(run.optimizer)
    torch.nn.utils.clip_grad_norm_(parameters, plan.clip_norm)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.average.update(run.progress.steps)
    return sum(parts[1:], parts[0])


def _stream(run: Run, source: ExampleSource, speller: Speller) -> Stream:
    config, plan = run.model.config, run.plan
    return Stream(
        source,
        speller,
        plan.batches,
        plan.seed,
        config.num_mel_bins,
        config.max_target_positions,
        start=run.progress.position,
        rank=run.team.rank,
        ranks=run.team.size,
    )


@contextmanager
def _ending(batches: Iterator[Batch]) -> Iterator[None]:
    """Behind the block, the processes of `loader` have ended.

    By themselves they end when nothing holds the loader any more. An error of theirs does, and Python would wait for
    them at its exit for ever, as they leave signals to it.
    """
    try:
        yield
    except Exception as error:
        if (said := told(error)) is error:
            raise
        raise said from error
    finally:
        if shut_down := getattr(batches, "_shutdown_workers", None):
            shut_down()


def _advance(run: Run, batches: Sequence[Batch], elapsed_s: float, stop: Stop) -> bool:
    """Whether any of the processes that train together was asked to stop: all do so behind the same step."""
    progress = run.progress
    progress.steps += 1
    examples, asked = run.team.numbers([sum(map(len, batches)), int(stop.signal_number > 0)], run.model.device)
    progress.examples += examples
    progress.audio_s += sum(batch.audio_s for batch in batches)
    progress.elapsed_s += elapsed_s
    progress.position = batches[-1].after
    return asked > 0


def _examine(run: Run, measure: Measure, keep: Keep | None, bar: tqdm[Never]) -> None:
    """Measure the average; keep it if it is the best; stop if there was no better one for long."""
    progress = run.progress
    if run.team.first:
        with run.average.worn(), torch.random.fork_rng(devices=[]):
            found = measure(run.model)
            _refuse_diverged(run, found)
            decisive = found.get(DECISIVE)
            if decisive is not None and progress.note(decisive, found.get(CHARACTERS, decisive)) and keep:
                keep("best")
        run.log(found)
        bar.set_description(f"train, {DECISIVE} {decisive:.2f}" if decisive is not None else "train")
    stop = run.plan.patience is not None and progress.since_best >= run.plan.patience
    # The first one alone knows; the others hear of it by the sum.
    progress.stopped = run.team.numbers([int(stop and run.team.first)], run.model.device)[0] > 0
    run.model.train()


def _refuse_diverged(run: Run, found: dict[str, float]) -> None:
    """What was measured of weights that are no numbers says why training ends here."""
    if not all(map(math.isfinite, found.values())):
        run.log(found)
        raise Diverged(
            f"{run.folder} has diverged: at step {run.progress.steps:,} its loss is no number. Begin another run with "
            f"a lower --learning-rate (it is {run.plan.learning_rate:g})"
        )


def _bar(run: Run) -> tqdm[Never]:
    plan = run.plan
    total = plan.utterances if plan.minutes is None else round(60 * plan.minutes)
    done = round(plan.done(run.progress) * total)
    unit = "utterance" if plan.minutes is None else "s"
    quiet = not run.team.first
    return tqdm(total=total, initial=done, unit=unit, desc="train", mininterval=2.0, smoothing=0.02, disable=quiet)


def _show(bar: tqdm[Never], run: Run, found: Losses) -> None:
    plan, progress = run.plan, run.progress
    bar.update(round(plan.done(progress) * (bar.total or 0)) - bar.n)
    if progress.steps % plan.log_every_steps == 0 or plan.done(progress) >= 1.0:
        if run.team.size > 1:
            run.team.add(vars(found).values())
        values = {name: float(value) for name, value in vars(found).items() if isinstance(value, Tensor)}
        loss = values.pop("total")
        bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        rate = progress.examples / max(progress.elapsed_s, 1e-9)
        run.log({"loss": loss, **values, "learning_rate": plan.rate(progress), "samples_per_s": rate})
