"""The training loop, from top to bottom: batches, losses, optimizer step, weight average, metrics and checkpoints.

transformers' Trainer is not used. Four of its traps cannot happen here: a step's loss is the mean over the target
tokens of all its batches, so there is no `num_items_in_batch` to ignore; we build the decoder input ourselves, so it
exists when labels are smoothed; nothing strips or shifts labels implicitly; and no Trainer argument can be renamed.
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
from trainer.run_folder import DEV_CER, DEV_WER
from trainer.stopping import Stop, Stopped
from trainer.training.averaging import trained
from trainer.training.batch_errors import explain
from trainer.training.batches import Batch, Stream, loader
from trainer.training.losses import Losses, Targets, compute_losses
from trainer.training.pacing import Pace
from trainer.training.run import Run


class Diverged(TrainerError):
    """The loss became NaN or infinite; training cannot recover from that."""


#: Evaluates a model on dev; returns metrics by name.
Measure = Callable[[WhisperForConditionalGeneration], dict[str, float]]
#: Saves the model in its current state under a name, "best" or "last".
SaveModel = Callable[[str], None]


def train(
    run: Run,
    source: ExampleSource,
    speller: Speller,
    measure: Measure | None = None,
    save_model: SaveModel | None = None,
    workers: int = 1,
    stop: Stop | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Train until the plan is complete. A kill loses only the steps since the last checkpoint.

    Args:
        measure: evaluates the averaged weights.
        save_model: called with "best" for every model that is at least as good as the best so far.
        clock: a monotonic clock, in seconds.

    Raises:
        Diverged: a dev metric is NaN or infinite.
        Stopped: a stop was requested. The checkpoint is of the last step, if the disk has room for it.
    """
    stop = stop or Stop()
    plan, progress = run.plan, run.progress
    dataloader = loader(_stream(run, source, speller), workers, pinned=run.model.device.type == "cuda")
    pace = Pace(plan.checkpoint_every_s, clock)
    run.model.train()
    with _shutting_down(dataloader), _progress_bar(run) as bar:
        step_start_s = clock()
        while plan.done(progress) < 1.0:
            batches = [next(dataloader) for _ in range(plan.accumulate)]
            losses = step(run, batches)
            # Timed from step to step: a GPU is still computing this one, and is waited for when losses are logged.
            now_s = clock()
            stop_requested = _advance(run, batches, now_s - step_start_s, stop)
            step_start_s = now_s
            _log_losses(bar, run, losses)
            due = plan.measure_every_steps and progress.steps % plan.measure_every_steps == 0
            if measure and (due or plan.done(progress) >= 1.0):
                _measure(run, measure, save_model, bar)
                step_start_s = clock()
            if stop_requested and plan.done(progress) < 1.0:
                run.save()
                raise Stopped(run.saved_steps, stop.signal_number or signal.SIGTERM)
            if pace.due:
                with pace.writing():
                    run.save()
                step_start_s = clock()
    if run.saved_steps < progress.steps:
        run.save()


def step(run: Run, batches: Sequence[Batch], targets: Targets | None = None) -> Losses:
    """One optimizer step, on the mean loss over all targets of these batches and those of all other ranks.

    Args:
        targets: their counts, if already known.
    """
    plan, device = run.plan, run.model.device
    for group in run.optimizer.param_groups:
        group["lr"] = plan.learning_rate_at(run.progress)
    run.optimizer.zero_grad()
    if targets is None:
        counted = sum((Targets.of(batch) for batch in batches), Targets())
        targets = Targets(*run.team.sum_ints(astuple(counted), device))
    losses = []
    for batch in batches:
        with computing(device, plan.precision):
            batch_losses = compute_losses(
                run.model, run.heads, batch.to(device), plan.weights, targets, plan.label_smoothing, run.teacher
            )
        run.scaler.scale(batch_losses.total).backward()
        losses.append(batch_losses.detach())
    parameters = [*trained(run.model).values(), *run.heads.parameters()]
    run.team.all_reduce(p.grad for p in parameters if p.grad is not None)
    run.scaler.unscale_(run.optimizer)
    torch.nn.utils.clip_grad_norm_(parameters, plan.clip_norm)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.average.update(run.progress.steps)
    return sum(losses[1:], losses[0])


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
def _shutting_down(dataloader: Iterator[Batch]) -> Iterator[None]:
    """Shut down the dataloader's workers after the block.

    They end by themselves once nothing references the loader. A traceback keeps the loader alive; the workers ignore
    signals, so Python would wait for them forever at exit.
    """
    try:
        yield
    except Exception as error:
        if (explained := explain(error)) is error:
            raise
        raise explained from error
    finally:
        if shut_down := getattr(dataloader, "_shutdown_workers", None):
            shut_down()


def _advance(run: Run, batches: Sequence[Batch], elapsed_s: float, stop: Stop) -> bool:
    """Count the step. Return True if any rank was asked to stop, so that all ranks stop after the same step."""
    progress = run.progress
    progress.steps += 1
    examples, stops = run.team.sum_ints([sum(map(len, batches)), int(stop.signal_number > 0)], run.model.device)
    progress.examples += examples
    progress.audio_s += sum(batch.audio_s for batch in batches)
    progress.elapsed_s += elapsed_s
    progress.position = batches[-1].after
    return stops > 0


def _measure(run: Run, measure: Measure, save_model: SaveModel | None, bar: tqdm[Never]) -> None:
    """Evaluate the averaged weights, save them if they are the best, and stop early if patience has run out."""
    progress = run.progress
    if run.team.first:
        with run.average.applied(), torch.random.fork_rng(devices=[]):
            metrics = measure(run.model)
            _check_finite(run, metrics)
            decisive = metrics.get(DEV_WER)
            if decisive is not None and progress.update_best(decisive, metrics.get(DEV_CER, decisive)) and save_model:
                save_model("best")
        run.log(metrics)
        bar.set_description(f"train, {DEV_WER} {decisive:.2f}" if decisive is not None else "train")
    out_of_patience = run.plan.patience is not None and progress.since_best >= run.plan.patience
    # Only the first rank knows; the sum tells the others.
    progress.stopped = run.team.sum_ints([int(out_of_patience and run.team.first)], run.model.device)[0] > 0
    run.model.train()


def _check_finite(run: Run, metrics: dict[str, float]) -> None:
    """Raise Diverged if a metric is NaN or infinite, once the metrics are logged."""
    if not all(map(math.isfinite, metrics.values())):
        run.log(metrics)
        raise Diverged(
            f"{run.folder} has diverged: its loss is NaN or infinite at step {run.progress.steps:,}. Start another run "
            f"with a lower --learning-rate (it is {run.plan.learning_rate:g})"
        )


def _progress_bar(run: Run) -> tqdm[Never]:
    plan = run.plan
    total = plan.utterances if plan.minutes is None else round(60 * plan.minutes)
    done = round(plan.done(run.progress) * total)
    unit = "utterance" if plan.minutes is None else "s"
    hidden = not run.team.first
    return tqdm(total=total, initial=done, unit=unit, desc="train", mininterval=2.0, smoothing=0.02, disable=hidden)


def _log_losses(bar: tqdm[Never], run: Run, losses: Losses) -> None:
    """Move the progress bar on; every `log_every_steps` steps, log the losses."""
    plan, progress = run.plan, run.progress
    bar.update(round(plan.done(progress) * (bar.total or 0)) - bar.n)
    if progress.steps % plan.log_every_steps == 0 or plan.done(progress) >= 1.0:
        if run.team.size > 1:
            run.team.all_reduce(vars(losses).values())
        values = {name: float(value) for name, value in vars(losses).items() if isinstance(value, Tensor)}
        loss = values.pop("total")
        bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        samples_per_s = progress.examples / max(progress.elapsed_s, 1e-9)
        learning_rate = plan.learning_rate_at(progress)
        run.log({"loss": loss, **values, "learning_rate": learning_rate, "samples_per_s": samples_per_s})
