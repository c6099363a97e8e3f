"""How large batches are, and how many steps that makes of a run: counted by making the batches, of durations alone."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.examples import ExampleSource
from trainer.notes import LOG
from trainer.training.batches import BATCHES_PER_BLOCK, Shape, block_batches
from trainer.training.clip_source import ClipSource
from trainer.training.options import Options

#: The most clips in a batch where nothing was asked for: the first of these that makes steps enough.
BATCHES = (64, 32, 16, 8)
#: Fewer steps change a checkpoint hardly.
_FEW_STEPS = 100
#: Examples of which batches are made to count them: those of an epoch, if it has no more.
_COUNTED = 20_000
#: How much silence comes behind a batch that is not padded to the whole context, drawn from 0 to this: 64 positions.
_JITTER_S, _WIDE_SHARE = 1.28, 0.1


@dataclass(frozen=True)
class Sized:
    """A run's batches, and the steps that it takes to hear `utterances` in them; `steps` is an estimate, not whole."""

    shape: Shape
    utterances: int
    steps: float


def sized(options: Options, source: ClipSource, clips: int, context_s: float, full: bool, processes: int) -> Sized:
    """Batches of as many clips as were asked for; else of as many as a run of this corpus has steps enough with."""
    known = _Remembered(source)
    utterances = max(1, round(options.epochs * source.epoch_starts(1)))
    counted = min(utterances, source.epoch_starts(1))

    def of(batch: int) -> Sized:
        shape = _shape(batch, options.batch_s, known, clips, context_s, full)
        each = mean_examples(batches_ahead(known, options.seed, shape, counted))
        return Sized(shape, utterances, utterances / (each * options.accumulate * processes))

    tried = []
    for batch in BATCHES if options.batch is None else (options.batch,):
        tried.append(of(batch))
        if tried[-1].steps >= _FEW_STEPS:
            break
    found = max(tried, key=lambda each: each.steps)  # the largest, where smaller ones make no more steps
    if found is not tried[0]:
        LOG.info(
            "--batch %d: batches of up to %d clips make %d steps of this corpus, those of %d would make %d",
            *(found.shape.examples, found.shape.examples, round(found.steps)),
            *(BATCHES[0], max(1, round(tried[0].steps))),
        )
    if found.steps < _FEW_STEPS:
        LOG.warning(
            "warning: only %d steps in all, in which little is learnt: a smaller --batch (it is %d) makes more of "
            "them, as do more --epochs",
            max(1, round(found.steps)),
            found.shape.examples,
        )
    return found


def batches_ahead(source: ExampleSource, seed: int, shape: Shape, examples: int) -> list[list[int]]:
    """Numbers of the examples in each of a run's first batches: those of so many examples, but not of all too many."""
    block = shape.block or 1
    blocks = -(-min(examples, _COUNTED) // block)
    return [*itertools.chain.from_iterable(block_batches(source, seed, number, shape) for number in range(blocks))]


def mean_examples(batches: Sequence[Sequence[int]]) -> float:
    """How many a batch has in the mean: where lengths differ, hardly one is full."""
    return sum(map(len, batches)) / len(batches)


def _shape(batch: int, batch_s: float, source: ExampleSource, clips: int, context_s: float, full: bool) -> Shape:
    least_s = context_s if full else 0.0
    some_s = [max(least_s, source.duration_s(index)) for index in range(min(clips, 256))]
    fitting_count = max(1, min(batch, int(batch_s * len(some_s) / sum(some_s))))
    return Shape(
        examples=batch,
        seconds=batch_s,
        # No more than an epoch: a clip would stand in a batch twice.
        block=max(1, min(clips, BATCHES_PER_BLOCK * fitting_count)),
        least_s=least_s,
        jitter_s=0.0 if full else _JITTER_S,
        wide_share=0.0 if full else _WIDE_SHARE,
        most_s=context_s,
    )


class _Remembered:
    """A source that is asked for the same durations again and again."""

    def __init__(self, source: ExampleSource) -> None:
        self.duration_s = functools.cache(source.duration_s)
        self.example = source.example
