"""Settings from the environment: one frozen dataclass per service, built once in `main()`.

A service declares its settings as dataclass fields made by `setting`, and calls `load`:

    @dataclass(frozen=True)
    class Settings:
        #: Audio of one chunk, in seconds. Shorter means less delay and more decoding.
        chunk_s: float = setting("CHUNK_S", 5.0, minimum=1, maximum=25)

A library such as pydantic-settings could do this too; these 60 lines spare every service a compiled dependency, and
the error messages below name the variable, its value and the remedy.
"""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints
from urllib.parse import urlsplit

from wire.errors import SettingsError

T = TypeVar("T")

#: URL schemes of Redis.
REDIS = ("redis", "rediss", "unix")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def setting(
    variable: str,
    default: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
    schemes: tuple[str, ...] | None = None,
) -> Any:
    """A dataclass field that `load` fills from the environment variable `variable`; `schemes` are those of a URL."""
    rules = {"minimum": minimum, "maximum": maximum, "choices": choices, "schemes": schemes}
    metadata = {"variable": variable, **rules}
    return dataclasses.field(default=default, metadata=metadata)


def load(cls: type[T], environ: Mapping[str, str]) -> T:
    """Build the settings dataclass `cls` from `environ`; an empty value counts as unset.

    Raises:
        SettingsError: a value has the wrong type or is out of bounds; the message names the variable.
    """
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]  # any dataclass will do
        variable = field.metadata.get("variable")
        text = environ.get(variable, "").strip() if variable else ""
        if variable and text:
            values[field.name] = _parse(variable, text, hints[field.name], field.metadata)
    return cls(**values)


def variables(cls: type) -> dict[str, str]:
    """The environment variable of each field of the settings dataclass `cls` that has one, by the field's name."""
    return {f.name: f.metadata["variable"] for f in dataclasses.fields(cls) if f.metadata.get("variable")}


def describe(cls: type) -> str:
    """Text for `--help`: each variable of the settings dataclass `cls`, its default, and the `#:` comment above it."""
    defaults = {f.name: f.default for f in dataclasses.fields(cls)}
    names = variables(cls)
    lines: list[str] = []
    comment: list[str] = []
    for line in map(str.strip, inspect.getsource(cls).splitlines()):
        name = line.split(":")[0]
        if line.startswith("#:"):
            comment.append(line.removeprefix("#:").strip())
            continue
        if name in names:
            lines.append(f"  {names[name]}={_shown(defaults[name])}")
            lines += textwrap.wrap(" ".join(comment), 88, initial_indent=" " * 6, subsequent_indent=" " * 6)
        comment = []
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else "" if default is None else str(default)


def _parse(variable: str, text: str, hint: Any, rules: Mapping[str, Any]) -> Any:
    kind = next((k for k in (bool, int, float) if hint in (k, k | None)), str)
    converters: dict[type, Callable[[str], Any]] = {bool: _parse_bool, int: int, float: float, str: str}
    words = {bool: "yes or no", int: "a whole number", float: "a number", str: "text"}
    try:
        value = converters[kind](text)
    except ValueError as error:
        raise SettingsError(f"{variable}={text!r} is not {words[kind]}") from error
    low, high, choices = rules["minimum"], rules["maximum"], rules["choices"]
    # Negated comparisons, so that NaN, which compares false with everything, is rejected too.
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bounds = (("at least", low), ("at most", high))
        allowed = " and ".join(f"{which} {bound:g}" for which, bound in bounds if bound is not None)
        raise SettingsError(f"{variable}={text!r} must be {allowed}")
    if choices is not None and value not in choices:
        raise SettingsError(f"{variable}={text!r} must be one of {', '.join(choices)}")
    if (schemes := rules["schemes"]) is not None and not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        # Without the URL itself, which may contain a password.
        raise SettingsError(f"{variable} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if schemes is not None and not _has_valid_port(value):
        raise SettingsError(f"{variable} has no valid port: in a password, write / as %2F, # as %23 and ? as %3F")
    return value


def _has_valid_port(url: str) -> bool:
    try:
        urlsplit(url).port  # noqa: B018  # raises ValueError
    except ValueError:
        return False
    return True


def _parse_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(text)
