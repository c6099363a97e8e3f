"""What a search varies: the words of `--vary`, as Optuna's distributions and as the points of a grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from trainer.errors import PlanError
from trainer.names import meant
from trainer.training.options import MACHINE, Options
from trainer.tuning.folders import absolute

#: What decides nothing about the model, or what its error rate is measured on.
_FIXED = frozenset(
    (
        *("corpus", "run", "model", "language", "token", "lora_targets", "measures", "measure_every", "dev_clips"),
        *("leave_out", "precision", *MACHINE),
    )
)
_TRUTH = {"yes": True, "no": False}


@dataclass(frozen=True)
class Space:
    """Fields of `Options` that vary, with the words that asked for it."""

    words: dict[str, str]
    distributions: dict[str, BaseDistribution]

    def grid(self) -> list[dict[str, Any]]:
        """All points; the last name varies fastest.

        Raises:
            PlanError: a range has no end of points.
        """
        values = [_points(name, found, self.words[name]) for name, found in self.distributions.items()]
        return [dict(zip(self.distributions, point, strict=True)) for point in itertools.product(*values)]


def parse(words: Sequence[str]) -> Space:
    """The space of `NAME=VALUES` words.

    VALUES is a list (`16,32`; parted by `|` where a value has commas), a range (`1e-5..1e-3`, with `:log` drawn evenly
    by its logarithm), or a range with its number of points (`1e-5..1e-3:log:5`). Folders in it are made absolute.

    Raises:
        PlanError: a name is none of train's options, or a value none of its; the text names it.
    """
    hints = get_type_hints(Options)
    space = Space({}, {})
    for word in words:
        option, equals, text = word.partition("=")
        name = option.strip().lstrip("-").replace("-", "_")
        if not equals or not text.strip():
            raise PlanError(f"--vary {word} is not NAME=VALUES, such as dropout=0..0.3 or batch=16,32")
        _refuse_unknown(name, hints)
        if name in space.words:
            raise PlanError(f"--vary {option} is given twice: give all of its values in one")
        space.words[name] = absolute(name, text.strip())
        space.distributions[name] = _distribution(option, space.words[name], hints[name])
        _refuse_useless(word, name, space.distributions[name])
        _refuse_single(word, option, space.distributions[name])
    if not space.words:
        raise PlanError("nothing is varied: give --vary learning-rate=1e-5..1e-3:log, for one")
    return space


def _refuse_unknown(name: str, hints: dict[str, Any]) -> None:
    allowed = [field.name.replace("_", "-") for field in fields(Options) if field.name not in _FIXED]
    option = name.replace("_", "-")
    if option in allowed:
        return
    if name == "model":
        raise PlanError("--vary model: trials of one study share a --model; give each model a --study of its own")
    if name in hints:
        raise PlanError(f"--vary {option} makes no better model: give it as an option of its own")
    near = meant(option, allowed)
    told = f"did you mean {near}?" if near else f"there are {', '.join(allowed)}"
    raise PlanError(f"--vary {option} is no option of train: {told}")


def _refuse_useless(word: str, name: str, found: BaseDistribution) -> None:
    """A value that `train` would refuse costs no trial."""
    ends = found.choices if isinstance(found, CategoricalDistribution) else (found.low, found.high)  # type: ignore[attr-defined]
    for value in ends:
        given: dict[str, Any] = {name: value, **({"lora": 1} if name == "lora_alpha" else {})}
        try:
            Options(Path(), "", Path(), **given).check()
        except PlanError as error:
            raise PlanError(f"--vary {word}: {error}") from error


def _refuse_single(word: str, option: str, found: BaseDistribution) -> None:
    if found.single():
        given = f"--{option.strip().lstrip('-')} without --vary"
        raise PlanError(f"--vary {word} has a single value, and does not vary: give {given}, or more values")


def _distribution(option: str, text: str, hint: Any) -> BaseDistribution:
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
    kind = str if get_origin(hint) is Literal else kinds[0]
    try:
        if kind in (int, float):
            return _range(option, text, kind) if ".." in text else CategoricalDistribution(_numbers(text, kind))
        texts = [value.strip() for value in text.split("|" if "|" in text else ",")]
        values = [_TRUTH[value] for value in texts] if kind is bool else texts
        return CategoricalDistribution(list(dict.fromkeys(values)))
    except (ValueError, KeyError) as error:
        what = {int: "whole numbers", float: "numbers", bool: "yes,no"}.get(kind, "words")
        forms = f"{what}, or LOW..HIGH with :log or a number of points" if kind in (int, float) else what
        raise PlanError(f"--vary {option}={text}: it takes {forms}") from error


def _numbers(text: str, kind: type[int] | type[float]) -> list[int] | list[float]:
    values = sorted({kind(value) for value in text.split(",")})
    if not all(map(math.isfinite, values)):
        raise ValueError(text)
    return values


def _range(option: str, text: str, kind: type[int] | type[float]) -> BaseDistribution:
    span, *flags = text.split(":")
    start, _, end = span.partition("..")
    low, high = kind(start), kind(end)
    log = flags[:1] == ["log"]
    count = flags[log:]
    if not (math.isfinite(low) and math.isfinite(high) and len(count) <= 1):
        raise ValueError(text)
    if low >= high:
        raise PlanError(f"--vary {option}={text}: {span} is no range, whose lower end comes first")
    if log and low <= 0:
        raise PlanError(f"--vary {option}={text}: {low:g} has no logarithm: give one above 0, or leave :log out")
    if count:
        return CategoricalDistribution(_spread(low, high, log, int(count[0]), kind))
    return IntDistribution(int(low), int(high), log=log) if kind is int else FloatDistribution(low, high, log=log)


def _spread(low: float, high: float, log: bool, count: int, kind: type[int] | type[float]) -> list[Any]:
    """So many values from low to high, as far from each other, or as many times as large."""
    if count < 2:
        raise ValueError(count)
    steps = [place / (count - 1) for place in range(count)]
    values = [low * (high / low) ** step if log else low + (high - low) * step for step in steps]
    # Six digits are as many as a learning rate needs, and none too many to be read.
    return sorted({round(value) if kind is int else float(f"{value:.6g}") for value in values})


def _points(name: str, found: BaseDistribution, words: str) -> Sequence[Any]:
    if isinstance(found, CategoricalDistribution):
        return found.choices
    if isinstance(found, IntDistribution) and not found.log:
        return range(found.low, found.high + 1)
    raise PlanError(
        f"a grid needs points: --vary {name.replace('_', '-')}={words}:5 takes five of that range; or use --search tpe"
    )
