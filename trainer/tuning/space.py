"""The search space: `--vary` settings as Optuna's distributions and as the points of a grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from trainer.errors import PlanError
from trainer.names import closest_option
from trainer.training.options import MACHINE, Options
from trainer.tuning.folders import with_absolute_folders

#: Options that do not affect the model, or that change what its error rate is measured on.
_FIXED = frozenset(
    (
        *("corpus", "run", "model", "language", "token", "lora_targets", "measures", "measure_every", "dev_clips"),
        *("leave_out", "precision", *MACHINE),
    )
)
_TRUTH = {"yes": True, "no": False}


@dataclass(frozen=True)
class Space:
    """Fields of `Options` that vary, and the `--vary` settings that define them."""

    words: dict[str, str]
    distributions: dict[str, BaseDistribution]

    def grid(self) -> list[dict[str, Any]]:
        """Return all points; the last name varies fastest.

        Raises:
            PlanError: a range has infinitely many points.
        """
        values = [_points(name, distribution, self.words[name]) for name, distribution in self.distributions.items()]
        return [dict(zip(self.distributions, point, strict=True)) for point in itertools.product(*values)]


def parse(words: Sequence[str]) -> Space:
    """Parse `NAME=VALUES` settings.

    VALUES is a list (`16,32`; separated by `|` if a value contains commas), a range (`1e-5..1e-3`; with `:log` drawn on
    a logarithmic scale), or a range with a number of points (`1e-5..1e-3:log:5`). Folders in it are made absolute.

    Raises:
        PlanError: a name is not an option of train, or a value is invalid; the message names it.
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
        space.words[name] = with_absolute_folders(name, text.strip())
        space.distributions[name] = _distribution(option, space.words[name], hints[name])
        _refuse_invalid(word, name, space.distributions[name])
        _refuse_single(word, option, space.distributions[name])
    if not space.words:
        raise PlanError("nothing varies: give, for example, --vary learning-rate=1e-5..1e-3:log")
    return space


def _refuse_unknown(name: str, hints: dict[str, Any]) -> None:
    allowed = [field.name.replace("_", "-") for field in fields(Options) if field.name not in _FIXED]
    option = name.replace("_", "-")
    if option in allowed:
        return
    if name == "model":
        raise PlanError("--vary model: trials of one study share a --model; give each model its own --study")
    if name in hints:
        raise PlanError(f"--vary {option} does not affect the model: set it without --vary")
    near = closest_option(option, allowed)
    hint = f"did you mean {near}?" if near else f"choose from {', '.join(allowed)}"
    raise PlanError(f"--vary {option} is not an option of train: {hint}")


def _refuse_invalid(word: str, name: str, distribution: BaseDistribution) -> None:
    """Refuse values that `train` would refuse, before they cost a trial."""
    if isinstance(distribution, CategoricalDistribution):
        values = distribution.choices
    else:
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        values = (distribution.low, distribution.high)
    for value in values:
        given: dict[str, Any] = {name: value, **({"lora": 1} if name == "lora_alpha" else {})}
        try:
            Options(Path(), "", Path(), **given).check()
        except PlanError as error:
            raise PlanError(f"--vary {word}: {error}") from error


def _refuse_single(word: str, option: str, distribution: BaseDistribution) -> None:
    if distribution.single():
        given = f"--{option.strip().lstrip('-')} without --vary"
        raise PlanError(f"--vary {word} has only one value: give {given}, or more values")


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
        raise PlanError(f"--vary {option}={text}: {span} is not a range from a lower to a higher value")
    if log and low <= 0:
        raise PlanError(f"--vary {option}={text}: {low:g} has no logarithm: start above 0, or remove :log")
    if count:
        return CategoricalDistribution(_spread(low, high, log, int(count[0]), kind))
    return IntDistribution(int(low), int(high), log=log) if kind is int else FloatDistribution(low, high, log=log)


def _spread(low: float, high: float, log: bool, count: int, kind: type[int] | type[float]) -> list[Any]:
    """Return `count` values from low to high, evenly spaced, on a logarithmic scale if `log`."""
    if count < 2:
        raise ValueError(count)
    steps = [place / (count - 1) for place in range(count)]
    values = [low * (high / low) ** step if log else low + (high - low) * step for step in steps]
    # Six significant digits are precise enough, and readable.
    return sorted({round(value) if kind is int else float(f"{value:.6g}") for value in values})


def _points(name: str, distribution: BaseDistribution, words: str) -> Sequence[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution) and not distribution.log:
        return range(distribution.low, distribution.high + 1)
    raise PlanError(
        f"a grid needs points: --vary {name.replace('_', '-')}={words}:5 takes five from the range; or use --search tpe"
    )
