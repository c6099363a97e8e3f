"""The options of `train`, their checks, and the command line that they correspond to."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from trainer.augmentation.augment import parse
from trainer.augmentation.non_speech import without_speech
from trainer.errors import PlanError
from trainer.models.precision import Precision
from trainer.training.borrowing import borrowed
from trainer.training.plan import Plan
from trainer.training.sampling import balance

#: Options that do not affect the model: they may change when a run or a study resumes.
MACHINE = ("device", "recompute", "threads", "workers", "log_every", "checkpoint_every_s")

#: The name of the positional argument.
_CORPUS = "CORPUS"

#: Options, the check of their values, and the requirement in words.
_RANGES: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
    (
        (
            *("dropout", "activation_dropout", "attention_dropout", "label_smoothing", "bpe_dropout"),
            *("spec_augment", "misled", "timestamps", "prompts", "average", "acft", "join"),
        ),
        lambda value: 0 <= value <= 1,
        "from 0 to 1",
    ),
    (
        (
            *("epochs", "batch", "batch_s", "accumulate", "learning_rate", "threads", "log_every", "patience"),
            *("lora_alpha", "context_s"),
        ),
        lambda value: 0 < value < math.inf,
        "more than 0, and finite",
    ),
    (("clip_norm",), lambda value: value > 0, "more than 0"),
    (
        (
            *("warm_up", "weight_decay", "ctc", "lora", "workers", "measure_every", "measures", "dev_clips"),
            *("checkpoint_every_s", "seed"),
        ),
        lambda value: value >= 0,
        "0 or more",
    ),
)


@dataclass(frozen=True)
class Options:
    """The options of `train`; `python -m trainer train --help` describes them."""

    corpus: Path
    model: str
    run: Path
    language: str = ""
    token: tuple[str, ...] = ()
    epochs: float = 10.0
    seed: int = 1
    batch: int | None = None
    batch_s: float = 240.0
    accumulate: int = 1
    learning_rate: float | None = None
    warm_up: int | None = None
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average: float = 0.998
    dropout: float = 0.0
    activation_dropout: float = 0.0
    attention_dropout: float = 0.0
    label_smoothing: float = 0.0
    bpe_dropout: float = 0.0
    spec_augment: float = 0.0
    augment: str = ""
    balance: str = ""
    without_speech: str = ""
    join: float = 0.5
    leave_out: str = ""
    misled: float = 0.0
    ctc: float | None = None
    timestamps: float = 0.0
    prompts: float = 0.0
    context_s: float | None = None
    acft: float = 0.0
    full_context: bool = False
    lora: int = 0
    lora_alpha: int | None = None
    lora_targets: tuple[str, ...] = ()
    freeze_encoder: bool = False
    measure_every: int | None = None
    measures: int | None = None
    dev_clips: int = 500
    patience: int | None = None
    precision: Literal["auto"] | Precision = "auto"
    recompute: bool = False
    device: str = "auto"
    threads: int = 1
    workers: int | None = None
    log_every: int = 10
    checkpoint_every_s: float | None = None

    def check(self) -> None:
        """Refuse values out of range, and options that contradict each other.

        Raises:
            PlanError: the message names the option.
        """
        for names, fits, requirement in _RANGES:
            refuse_outside(self, names, fits, requirement)
        borrowed(self.token)
        parse(self.augment)
        balance(self.balance)
        without_speech(self.without_speech)
        if (self.lora_alpha is not None or self.lora_targets) and not self.lora:
            raise PlanError("--lora-alpha and --lora-targets configure adapters: give --lora RANK too")

    @property
    def dropouts(self) -> dict[str, float]:
        names = ("dropout", "activation_dropout", "attention_dropout")
        return {name: float(getattr(self, name)) for name in names}


def refuse_outside(options: object, names: Iterable[str], fits: Callable[[float], bool], requirement: str) -> None:
    """Refuse values out of range. Options that were not given are None and pass.

    Args:
        requirement: in words, such as "more than 0".

    Raises:
        PlanError: a value is out of range; the message names the option.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and not fits(value):
            raise PlanError(f"{_flag(name)} must be {requirement}, not {value}")


def command_to_repeat(options: Options, plan: Plan) -> str:
    """The command line that repeats a run, including the defaults that were chosen for it."""
    chosen = replace(
        options,
        batch=plan.batches.shape.examples,
        learning_rate=plan.learning_rate,
        warm_up=plan.warm_up_steps,
        ctc=plan.weights.ctc,
        measure_every=plan.measure_every_steps,
        measures=None,
        precision=plan.precision,
    )
    return command_line(chosen)


def command_line(options: Options, brief: bool = False) -> str:
    """The command line for these options.

    Args:
        brief: leave out defaults.
    """
    return _command_line(option_values(options, brief))


def option_values(options: Options, brief: bool = True) -> dict[str, str]:
    """Values of options by name, both as on the command line; the value of a flag is empty.

    Args:
        brief: leave out defaults.
    """
    values = {}
    for field in fields(options):
        value = getattr(options, field.name)
        if value is None or value is False or value in ((), "") or (brief and value == field.default):
            continue
        name = _CORPUS if field.name == "corpus" else _flag(field.name)
        values[name] = ",".join(value) if isinstance(value, tuple) else "" if value is True else str(value)
    return values


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Sentences on the options that differ between two results of `option_values` and affect the model."""
    free = {_flag(name) for name in ("run", *MACHINE)}
    for name in dict.fromkeys((*before, *now)):
        if name in free or before.get(name) == now.get(name):
            continue
        old, new = (values.get(name, _default(name)) or "given" for values in (before, now))
        yield f"{name} was {old}, {'and is' if _NOT_GIVEN in (old, new) else 'not'} {new}"


_NOT_GIVEN = "not given"


def _default(name: str) -> str:
    """The default of an option, in words."""
    value = {_flag(field.name): field.default for field in fields(Options)}.get(name)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value} (the default)" if plain else _NOT_GIVEN


def more_epochs(before: Mapping[str, str], now: Mapping[str, str], ended: bool = False) -> str:
    """How to train for more epochs than a run started with, in a sentence; empty if there are not more of them.

    The learning rate decays to 0 over the epochs of a run, so more of them need a new run with its own schedule.

    Args:
        before, now: results of `option_values`, which differ in the epochs only.
        ended: the run is complete.
    """
    old, new = (float(values.get("--epochs", Options.epochs)) for values in (before, now))
    if not old < new or "--run" not in now:
        return ""
    names = (f"{now['--run']}-{number}" for number in itertools.count(2))
    run = next(name for name in names if not Path(name).exists())
    new_run = {**now, "--model": now["--run"], "--run": run, "--epochs": f"{new - old:g}"}
    for name in ("--token", "--acft"):  # the run's model already has its languages and its short context
        new_run.pop(name, None)
    first = "The run is complete" if ended else "Finish it with the same settings"
    return f"{first}; for more epochs, start a new run from its model: {_command_line(new_run)}"


def _command_line(values: Mapping[str, str]) -> str:
    """The command line for a result of `option_values`."""
    words = ["python", "-m", "trainer", "train"]
    for name, value in values.items():
        words += [word for word in ("" if name == _CORPUS else name, value) if word]
    return shlex.join(words)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
