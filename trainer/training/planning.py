"""The plan of a training run, from the given options and defaults that suit the model, the corpus and the machine."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from trainer.models import checkpoints
from trainer.models.checkpoints import Loaded
from trainer.models.precision import Precision, suiting
from trainer.run_folder import PLAN_NAME, UNCHECKED, flat, read_plan
from trainer.training.batches import Settings
from trainer.training.clip_source import ClipSource
from trainer.training.losses import Weights
from trainer.training.options import Options, option_values
from trainer.training.plan import Plan
from trainer.training.run import has_learnt
from trainer.training.sizing import sized
from trainer.training.spelling import Style
from trainer.training.team import Team

#: The default warm-up: this share of all steps, at most this many.
_WARM_UP_SHARE, _WARM_UP_STEPS = 0.1, 500
#: By default dev is measured every 200 steps, and at least 5 times.
_MEASURE_EVERY, _LEAST_MEASURES = 200, 5
#: Options whose defaults depend on the number of steps: on the command line, in `Options`, and in plan.json.
_ESTIMATED = (
    ("--batch", "batch", "batches.shape.examples"),
    ("--warm-up", "warm_up", "warm_up_steps"),
    ("--measure-every", "measure_every", "measure_every_steps"),
)


def make_plan(
    options: Options,
    loaded: Loaded,
    source: ClipSource,
    clips: int,
    context_s: float,
    full: bool,
    team: Team,
) -> Plan:
    """The plan of a training run: the given options, and defaults that suit the model."""
    options = _with_stored_estimates(options, team)
    batches = sized(options, source, clips, context_s, full, team.size)
    steps = batches.steps
    rate = options.learning_rate or checkpoints.learning_rate(loaded, bool(options.lora))
    warm_up = round(min(_WARM_UP_STEPS, _WARM_UP_SHARE * steps)) if options.warm_up is None else options.warm_up
    ctc = options.ctc if options.ctc is not None else (0.3 if loaded.from_nothing else 0.0)
    return Plan(
        utterances=batches.utterances,
        seed=options.seed,
        examples=(options.augment, options.balance, options.without_speech, *_join_value(options)),
        batches=Settings(
            batches.shape,
            Style(options.timestamps, options.prompts, options.bpe_dropout),
            options.misled,
            options.spec_augment,
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
        measure_every_steps=_measure_every(options, steps),
        log_every_steps=options.log_every,
        checkpoint_every_s=options.checkpoint_every_s,
    )


def _measure_every(options: Options, steps: float) -> int:
    """Steps between evaluations on dev; 0: never."""
    if options.measures:
        return max(1, math.ceil(steps / options.measures))
    if options.measure_every is None:
        return max(1, min(_MEASURE_EVERY, math.ceil(steps / _LEAST_MEASURES)))
    return options.measure_every


def _with_stored_estimates(options: Options, team: Team) -> Options:
    """For a run that resumes, the defaults that it estimated at its start, even if a new estimate would differ.

    Everything else that an estimate depends on is in the plan, too, and is refused if it changed.
    """
    if not has_learnt(options.run) or not (options.run / PLAN_NAME).exists():
        return options
    document = read_plan(options.run)
    environment, now = document.get(UNCHECKED, {}), option_values(options)
    before = environment.get("given", now)
    if environment.get("processes", team.size) != team.size or before.get("--measures") != now.get("--measures"):
        return options
    plan = flat(document["plan"])
    stored: dict[str, Any] = {
        field: plan[path]
        for name, field, path in _ESTIMATED
        if getattr(options, field) is None and name not in before and path in plan
    }
    return replace(options, **stored, measures=None if "measure_every" in stored else options.measures)


def precision_of(options: Options) -> Precision:
    """The given precision, or the one that suits the given device."""
    if options.precision != "auto":
        return options.precision
    cuda = torch.cuda.is_available() and options.device != "cpu"
    return suiting(torch.device("cuda" if cuda else "cpu"))


def _join_value(options: Options) -> tuple[str, ...]:
    """The value of --join, left out if 0, because plans of older versions lack it."""
    return (f"{options.join:g}",) if options.join else ()
