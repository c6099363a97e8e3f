"""What can be asked of `train`, and the command line that asks for it."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from trainer.augmentation.augment import parse
from trainer.augmentation.quiet import without_speech
from trainer.errors import PlanError
from trainer.models.precision import Precision
from trainer.training.borrowing import borrowed
from trainer.training.plan import Plan
from trainer.training.sampling import balance

#: What decides nothing about the model: it may change when a run or a study goes on.
MACHINE = ("device", "recompute", "threads", "workers", "log_every", "checkpoint_every_s")

#: What help calls the one that has no option's name.
_CORPUS = "CORPUS"

#: Options, what their values must fulfil, and how that is said.
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
        "more than 0, and has an end",
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
    """Everything that can be asked of `train`; `python -m trainer train --help` says what it means."""

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
        """Refuse what no training could make sense of.

        Raises:
            PlanError: a value is out of its range; the text names the option.
        """
        for names, fits, told in _RANGES:
            refuse_outside(self, names, fits, told)
        borrowed(self.token)
        parse(self.augment)
        balance(self.balance)
        without_speech(self.without_speech)
        if (self.lora_alpha is not None or self.lora_targets) and not self.lora:
            raise PlanError("--lora-alpha and --lora-targets are of adapters: give --lora RANK, too")

    @property
    def dropouts(self) -> dict[str, float]:
        names = ("dropout", "activation_dropout", "attention_dropout")
        return {name: float(getattr(self, name)) for name in names}


def refuse_outside(options: object, names: Iterable[str], fits: Callable[[float], bool], told: str) -> None:
    """Refuse values that do not fit, of options that were given (the others are None).

    Raises:
        PlanError: one does not; the text names the option, and says what would fit.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and not fits(value):
            raise PlanError(f"{_flag(name)} {value}: it is {told}")


def command(options: Options, plan: Plan) -> str:
    """The command line that repeats a run, with everything that was chosen for it."""
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
    return line(chosen)


def line(options: Options, brief: bool = False) -> str:
    """The command line that asks for these options.

    Args:
        brief: leave out what is so by default.
    """
    return _line(given(options, brief))


def given(options: Options, brief: bool = True) -> dict[str, str]:
    """Values of options by their names, both as the command line has them; that of a switch is empty.

    Args:
        brief: leave out what is so by default.
    """
    found = {}
    for field in fields(options):
        value = getattr(options, field.name)
        if value is None or value is False or value in ((), "") or (brief and value == field.default):
            continue
        name = _CORPUS if field.name == "corpus" else _flag(field.name)
        found[name] = ",".join(value) if isinstance(value, tuple) else "" if value is True else str(value)
    return found


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """In what two that `given` told ask for other models, in words."""
    free = {_flag(name) for name in ("run", *MACHINE)}
    for name in dict.fromkeys((*before, *now)):
        if name in free or before.get(name) == now.get(name):
            continue
        old, new = (each.get(name, _by_default(name)) or "given" for each in (before, now))
        yield f"{name} was {old}, {'and is' if _NOT_GIVEN in (old, new) else 'not'} {new}"


_NOT_GIVEN = "not given"


def _by_default(name: str) -> str:
    """What an option is that is not given, or is given as what it is anyway."""
    value = {_flag(field.name): field.default for field in fields(Options)}.get(name)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value} (the default)" if plain else _NOT_GIVEN


def more_epochs(before: Mapping[str, str], now: Mapping[str, str], ended: bool = False) -> str:
    """What trains on where more epochs are asked of a run, in a sentence; empty: it is not more of them.

    The rate of a run falls to nothing over its epochs, so that more of them are another run, with a rate of its own.

    Args:
        before, now: what `given` told, nothing but the epochs being different.
        ended: whether the run is at its end, so that nothing of it is left to train.
    """
    begun, all_of_them = (float(each.get("--epochs", Options.epochs)) for each in (before, now))
    if not begun < all_of_them or "--run" not in now:
        return ""
    names = (f"{now['--run']}-{number}" for number in itertools.count(2))
    run = next(name for name in names if not Path(name).exists())
    onward = {**now, "--model": now["--run"], "--run": run, "--epochs": f"{all_of_them - begun:g}"}
    for known in ("--token", "--acft"):  # which the run's model has by now: its languages, and its short context
        onward.pop(known, None)
    first = "It is at its end" if ended else "Go on with the same to its end"
    return f"{first}; more epochs are a new run that begins from it: {_line(onward)}"


def _line(values: Mapping[str, str]) -> str:
    """The command line of what `given` told."""
    words = ["python", "-m", "trainer", "train"]
    for name, value in values.items():
        words += [word for word in ("" if name == _CORPUS else name, value) if word]
    return shlex.join(words)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
