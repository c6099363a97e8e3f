"""Batch sizes, and the number of steps that they give: counted by making the batches from durations only."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.examples import ExampleSource
from trainer.run_log import LOG
from trainer.training.batches import BATCHES_PER_BLOCK, Shape, block_batches
from trainer.training.clip_source import ClipSource
from trainer.training.options import Options

#: Defaults for the maximum of clips in a batch: the first that gives enough steps.
BATCHES = (64, 32, 16, 8)
#: Fewer steps hardly change a checkpoint.
_FEW_STEPS = 100
#: Batches are made, to count them, for the examples of one epoch, but for at most this many.
_COUNTED = 20_000
#: Maximum random silence after a batch that is not padded to the whole context (64 positions), and the share of batches
#: that are padded more than that.
_JITTER_S, _WIDE_SHARE = 1.28, 0.1


@dataclass(frozen=True)
class Sized:
    """A run's batches, and an estimate of the steps that `utterances` take, which need not be whole."""

    shape: Shape
    utterances: int
    steps: float


def sized(options: Options, source: ClipSource, clips: int, context_s: float, full: bool, processes: int) -> Sized:
    """Batches of the given size, or else of the largest default that gives enough steps on this corpus."""
    cached = _CachedDurations(source)
    utterances = max(1, round(options.epochs * source.epoch_starts(1)))
    counted = min(utterances, source.epoch_starts(1))

    def of(batch: int) -> Sized:
        shape = _shape(batch, options.batch_s, cached, clips, context_s, full)
        mean = mean_examples(batches_ahead(cached, options.seed, shape, counted))
        return Sized(shape, utterances, utterances / (mean * options.accumulate * processes))

    tried = []
    for batch in BATCHES if options.batch is None else (options.batch,):
        tried.append(of(batch))
        if tried[-1].steps >= _FEW_STEPS:
            break
    chosen = max(tried, key=lambda candidate: candidate.steps)  # the largest, if smaller ones give no more steps
    if chosen is not tried[0]:
        LOG.info(
            "--batch %d: batches of up to %d clips give %d steps on this corpus; batches of up to %d would give %d",
            *(chosen.shape.examples, chosen.shape.examples, round(chosen.steps)),
            *(BATCHES[0], max(1, round(tried[0].steps))),
        )
    if chosen.steps < _FEW_STEPS:
        LOG.warning(
            "warning: only %d steps in total, too few to learn much: reduce --batch (it is %d) or increase --epochs",
            max(1, round(chosen.steps)),
            chosen.shape.examples,
        )
    return chosen


def batches_ahead(source: ExampleSource, seed: int, shape: Shape, examples: int) -> list[list[int]]:
    """The first batches of a run as lists of example indices: of `examples` examples, at most _COUNTED."""
    block = shape.block or 1
    blocks = -(-min(examples, _COUNTED) // block)
    return [*itertools.chain.from_iterable(block_batches(source, seed, number, shape) for number in range(blocks))]


def mean_examples(batches: Sequence[Sequence[int]]) -> float:
    """The mean number of examples in a batch: if lengths differ, few batches are full."""
    return sum(map(len, batches)) / len(batches)


def _shape(batch: int, batch_s: float, source: ExampleSource, clips: int, context_s: float, full: bool) -> Shape:
    least_s = context_s if full else 0.0
    durations_s = [max(least_s, source.duration_s(index)) for index in range(min(clips, 256))]
    fitting_count = max(1, min(batch, int(batch_s * len(durations_s) / sum(durations_s))))
    return Shape(
        examples=batch,
        seconds=batch_s,
        # At most one epoch, so that no clip is in a batch twice.
        block=max(1, min(clips, BATCHES_PER_BLOCK * fitting_count)),
        least_s=least_s,
        jitter_s=0.0 if full else _JITTER_S,
        wide_share=0.0 if full else _WIDE_SHARE,
        most_s=context_s,
    )


class _CachedDurations:
    """A source with cached durations, since several batch sizes are tried."""

    def __init__(self, source: ExampleSource) -> None:
        self.duration_s = functools.cache(source.duration_s)
        self.example = source.example
