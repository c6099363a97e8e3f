"""Parsing and validation of what clients send: query parameters, JSON bodies, ids, languages, URLs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, get_args, overload
from urllib.parse import urlsplit

from flask import request, url_for
from werkzeug.routing import IntegerConverter

from api.http.problems import Problem
from wire.errors import BadRequest
from wire.hot_words import validate_hot_words
from wire.languages import code_of
from wire.messages import Task

#: Descriptions of times in error messages: the usual ones, and those of a recording.
UNIX_TIME, RECORDING_TIME = (
    "a Unix time in seconds, such as 1795345200.5",
    "a time in the recording, in seconds",
)

#: What is shown instead of a password.
MASK = "***"

#: Longest URL and longest name.
URL_LIMIT, NAME_LIMIT = 2000, 200


@overload
def int_query(name: str, default: int, *, minimum: int = ..., maximum: int = ...) -> int: ...
@overload
def int_query(name: str, default: None, *, minimum: int = ..., maximum: int = ...) -> int | None: ...
def int_query(name: str, default: int | None, *, minimum: int = 0, maximum: int = 2**53) -> int | None:
    """An integer query parameter.

    Raises:
        BadRequest: it is not an integer, or out of range.
    """
    text = request.args.get(name)
    return default if text is None else parse_int(name, text, minimum=minimum, maximum=maximum)


def parse_int(name: str, text: str, *, minimum: int = 0, maximum: int = 2**53) -> int:
    """Parse an integer in ASCII digits.

    Raises:
        BadRequest: it is not an integer, or out of range.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and minimum <= int(text) <= maximum):
        raise BadRequest(f"{name}={text[:40]!r} must be a whole number from {minimum} to {maximum}", name)
    return int(text)


class IntConverter(IntegerConverter):
    """An integer in a path, in ASCII digits as everywhere; Werkzeug accepts `٣`, too.

    Redis and SQLite count with 64 bits.
    """

    regex = "[0-9]{1,18}"


def seconds_query(name: str, default: float, clock: str = UNIX_TIME) -> float:
    """A time in the query string, in seconds.

    Args:
        clock: its description, for the error message.

    Raises:
        BadRequest: it is invalid.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        raise BadRequest(f"{name}={text[:40]!r} must be {clock}", name)
    return float(text)


def period_query(clock: str = UNIX_TIME) -> tuple[float, float]:
    """The query parameters `from` and `to`; infinite where they are missing.

    Raises:
        BadRequest: one is invalid, or the period is empty.
    """
    from_s, to_s = seconds_query("from", -math.inf, clock), seconds_query("to", math.inf, clock)
    if from_s >= to_s:
        raise BadRequest("from must be less than to", "from")
    return from_s, to_s


def next_page(**query: float | str) -> str:
    """A `Link` header (RFC 8288) to the same resource with another query."""
    values: dict[str, Any] = {**(request.view_args or {}), **query}
    return f'<{url_for(request.endpoint or "", **values)}>; rel="next"'


def json_body(otherwise: str = "") -> dict[str, Any]:
    """The request's JSON object.

    Args:
        otherwise: what else may be sent, for the error about another kind of body.

    Raises:
        Problem: 415, the content type is not JSON.
        BadRequest: the body is not a JSON object.
    """
    if not request.is_json:
        raise Problem(415, f"Send a JSON object with Content-Type: application/json{otherwise}.")
    values = json_object(request.get_data())
    if values is None:
        raise BadRequest("the body is not a JSON object")
    return values


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """Parse a JSON object; None if the text is not one, or is nested too deeply."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def known_fields(given: Iterable[str], known: Collection[str]) -> None:
    """Reject unknown fields: otherwise a misspelt one would be ignored silently.

    Raises:
        BadRequest: a field is unknown; the message names the closest known one.
    """
    for name in given:
        if name not in known:
            near = get_close_matches(name[:40].lower(), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(known)}"
            raise BadRequest(f"there is no field {name[:40]!r}; {hint}", name[:40])


def text_field(values: dict[str, Any], name: str, *, limit: int = NAME_LIMIT, required: bool = False) -> str:
    """A string field of a JSON object, stripped; empty if it is missing.

    Raises:
        BadRequest: it is not a string, too long, or missing though required.
    """
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"{name} must be text", name)
    text = (value or "").strip()
    if len(text) > limit:
        raise BadRequest(f"{name} is longer than {limit} characters", name)
    if not text.isprintable():
        raise BadRequest(f"{name} contains characters that cannot be displayed", name)
    if required and not text:
        raise BadRequest(f"{name} is missing", name)
    return text


def hot_words(given: Any, field: str = "hot_words") -> tuple[str, ...]:
    """Validate the hot words of a request; none if the field is missing.

    Args:
        field: its path in the request.

    Raises:
        BadRequest: they are invalid.
    """
    try:
        return validate_hot_words(given)
    except ValueError as error:
        raise BadRequest(f"{field.rpartition('.')[2]} {error}", field) from error


def prompt_hot_words(text: str) -> list[str]:
    """Up to the limit, the hot words in a prompt of OpenAI's API: a list of names, or a text that contains some."""
    words: list[str] = []
    for word in split_list("".join(c if c.isprintable() else "\n" for c in text)):
        with suppress(ValueError):
            words = list(validate_hot_words([*words, word]))
    return words


def split_list(text: str) -> list[str]:
    """Split a text at commas and line breaks."""
    return [word for word in map(str.strip, re.split(r"[,\n]", text)) if word]


def mask_password(url: str) -> str:
    """A URL with its password masked."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{MASK}@{host}").geturl()


def language(text: str) -> str | None:
    """The code of a language, with or without a region (sv-SE); None, to be detected, if empty.

    Raises:
        BadRequest: there is no such language.
    """
    name = text.strip().lower()
    if name in ("", "auto"):
        return None
    code = code_of(name)
    if code is None:
        raise BadRequest(
            f"language {name[:20]!r} is not a language code; use one such as sv or en, or omit it",
            "language",
        )
    return code


def task(text: str) -> Task | None:
    """The task of a transcriber; None, for the transcribers' own TASK, if empty.

    Raises:
        BadRequest: there is no such task.
    """
    name = text.strip().lower()
    known: dict[str, Task | None] = {"": None, **{each: each for each in get_args(Task)}}
    if name not in known:
        raise BadRequest(
            f"task {name[:20]!r} is neither transcribe nor translate (into English); omit it for the default", "task"
        )
    return known[name]


def http_url(text: str, name: str = "url") -> str:
    """Validate a URL.

    Raises:
        BadRequest: it has another scheme than http or https, no host, or a masked password.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        named = host and ("%" not in host or ":" in host)  # an IPv6 address may have a zone
        fit = parts.scheme in ("http", "https") and named and (parts.port is None or parts.port > 0)
    except ValueError:
        fit = False
    if not fit or len(text) > URL_LIMIT or not text.isascii() or not text.isprintable() or " " in text:
        raise BadRequest(f"{name} must be a URL that begins with http:// or https://", name)
    if parts.password == MASK:
        raise BadRequest(f"{name} has {MASK} as its password, as displayed; send the actual password", name)
    return text
