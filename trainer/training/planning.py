"""The plan of a training run, out of what was asked for and what suits the model, the corpus and the machine."""

from __future__ import annotations

import math

import torch

from trainer.models import checkpoints
from trainer.models.checkpoints import Loaded
from trainer.models.precision import Precision, suiting
from trainer.notes import LOG
from trainer.training.batches import BATCHES_PER_BLOCK, Settings, Shape
from trainer.training.clip_source import ClipSource
from trainer.training.losses import Weights
from trainer.training.options import Options
from trainer.training.plan import Plan
from trainer.training.spelling import Style
from trainer.training.team import Team

#: How much silence comes behind a batch that is not padded to the whole context, drawn from 0 to this: 64 positions.
_JITTER_S, _WIDE_SHARE = 1.28, 0.1
#: Of the steps, at most so many to warm up.
_WARM_UP_SHARE, _WARM_UP_STEPS = 0.1, 500
#: Dev is measured every so many steps, but so often at least.
_MEASURE_EVERY, _LEAST_MEASURES = 200, 5
#: Fewer change a checkpoint hardly.
_FEW_STEPS = 100


def plan_of(
    options: Options,
    loaded: Loaded,
    source: ClipSource,
    clips: int,
    context_s: float,
    full: bool,
    team: Team,
) -> Plan:
    """The plan of a training run: what was asked for, and what suits the model where nothing was."""
    least_s = context_s if full else 0.0
    some_s = [max(least_s, source.duration_s(index)) for index in range(min(clips, 256))]
    fitting_count = max(1, min(options.batch, int(options.batch_s * len(some_s) / sum(some_s))))
    shape = Shape(
        examples=options.batch,
        seconds=options.batch_s,
        # No more than an epoch: a clip would stand in a batch twice.
        block=max(1, min(clips, BATCHES_PER_BLOCK * fitting_count)),
        least_s=least_s,
        jitter_s=0.0 if full else _JITTER_S,
        wide_share=0.0 if full else _WIDE_SHARE,
        most_s=context_s,
    )
    utterances = max(1, round(options.epochs * source.epoch_starts(1)))
    steps = utterances / (fitting_count * options.accumulate * team.size)
    if steps < _FEW_STEPS:
        LOG.warning(
            "warning: only %d steps in all, in which little is learnt: a smaller --batch (it is %d) makes more of "
            "them, as do more --epochs",
            max(1, round(steps)),
            options.batch,
        )
    measure_every = options.measure_every
    if measure_every is None:
        measure_every = max(1, min(_MEASURE_EVERY, math.ceil(steps / _LEAST_MEASURES)))
    if options.measures:
        measure_every = max(1, math.ceil(steps / options.measures))
    rate = options.learning_rate or checkpoints.learning_rate(loaded, bool(options.lora))
    warm_up = round(min(_WARM_UP_STEPS, _WARM_UP_SHARE * steps)) if options.warm_up is None else options.warm_up
    ctc = options.ctc if options.ctc is not None else (0.3 if loaded.from_nothing else 0.0)
    return Plan(
        utterances=utterances,
        seed=options.seed,
        examples=(options.augment, options.balance, options.without_speech, *_joined(options)),
        batches=Settings(
            shape, Style(options.timestamps, options.prompts, options.bpe_dropout), options.misled, options.spec_augment
        ),
        accumulate=options.accumulate,
        learning_rate=rate,
        warm_up_steps=warm_up,
        weight_decay=options.weight_decay,
        clip_norm=options.clip_norm,
        average_decay=options.average,
        weights=Weights(ctc=ctc, letters=0.0, alignment=0.0, matching=options.acft),
        label_smoothing=options.label_smoothing,
        precision=precision_of(options),
        recompute=options.recompute,
        patience=options.patience,
        measure_every_steps=measure_every,
        log_every_steps=options.log_every,
        checkpoint_every_s=options.checkpoint_every_s,
    )


def precision_of(options: Options) -> Precision:
    """As asked for, or as suits the device that was asked for."""
    if options.precision != "auto":
        return options.precision
    cuda = torch.cuda.is_available() and options.device != "cpu"
    return suiting(torch.device("cuda" if cuda else "cpu"))


def _joined(options: Options) -> tuple[str, ...]:
    """A run that was begun before there was a word for it joined nothing."""
    return (f"{options.join:g}",) if options.join else ()
