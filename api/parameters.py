"""What callers send, checked: numbers in the query, JSON bodies, ids, languages, addresses."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Collection, Iterable
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, get_args, overload
from urllib.parse import urlsplit

from flask import request, url_for
from werkzeug.routing import IntegerConverter

from api.problems import Problem
from wire.errors import BadRequest
from wire.hot_words import checked
from wire.languages import code_of
from wire.messages import Task

#: What a station may be called in URLs, keys and metric labels.
ID_LIMIT = 64
_STATION_ID = re.compile(rf"[a-z0-9](?:[a-z0-9-]{{0,{ID_LIMIT - 2}}}[a-z0-9])?")

#: What times are as a rule, and those of a recording.
UNIX_TIME, RECORDING_TIME = "a Unix time in seconds, such as 1795345200.5", "a time in the recording, in seconds"

#: What stands for a password.
MASK = "***"

#: Longest address and longest name that are kept.
URL_LIMIT, NAME_LIMIT = 2000, 200


@overload
def natural(name: str, default: int, *, minimum: int = ..., maximum: int = ...) -> int: ...
@overload
def natural(name: str, default: None, *, minimum: int = ..., maximum: int = ...) -> int | None: ...
def natural(name: str, default: int | None, *, minimum: int = 0, maximum: int = 2**53) -> int | None:
    """A whole number from the query string.

    Raises:
        BadRequest: it is none, or too large.
    """
    text = request.args.get(name)
    return default if text is None else whole(name, text, minimum=minimum, maximum=maximum)


def whole(name: str, text: str, *, minimum: int = 0, maximum: int = 2**53) -> int:
    """A whole number that is said in digits.

    Raises:
        BadRequest: it is none, or too large.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and minimum <= int(text) <= maximum):
        raise BadRequest(f"{name}={text[:40]!r} must be a whole number from {minimum} to {maximum}", name)
    return int(text)


class Whole(IntegerConverter):
    """A whole number in a path, in ASCII's digits, as everywhere: Werkzeug takes `٣`, too.

    Redis and SQLite count no further than with 64 bits.
    """

    regex = "[0-9]{1,18}"


def seconds(name: str, default: float, clock: str = UNIX_TIME) -> float:
    """A time from the query string, in seconds.

    Args:
        clock: what it is, in words.

    Raises:
        BadRequest: it is none.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        raise BadRequest(f"{name}={text[:40]!r} must be {clock}", name)
    return float(text)


def period(clock: str = UNIX_TIME) -> tuple[float, float]:
    """The times `from` and `to` of the query string; all there is, where they are left out.

    Raises:
        BadRequest: one is none, or nothing is between them.
    """
    from_s, to_s = seconds("from", -math.inf, clock), seconds("to", math.inf, clock)
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
        otherwise: what else might be sent, for who has sent another kind of body.

    Raises:
        Problem: 415, it is not said to be JSON.
        BadRequest: it is no JSON object.
    """
    if not request.is_json:
        raise Problem(415, f"Send a JSON object with Content-Type: application/json{otherwise}.")
    values = json_object(request.get_data())
    if values is None:
        raise BadRequest("the body is not a JSON object")
    return values


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object that a text is; None, if it is none, or is nested too deeply to be read."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def known_fields(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse fields that there are not: what a misspelt one asks for would be left undone without a word.

    Raises:
        BadRequest: there is one; the message names the nearest that there is.
    """
    for name in given:
        if name not in known:
            near = get_close_matches(name[:40].lower(), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise BadRequest(f"there is no field {name[:40]!r}; {hint}", name[:40])


def text_field(values: dict[str, Any], name: str, *, limit: int = NAME_LIMIT, required: bool = False) -> str:
    """A string of a JSON object, without spaces around it; empty if it is missing.

    Raises:
        BadRequest: it is no string, too long, or missing though required.
    """
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"{name} must be text", name)
    text = (value or "").strip()
    if len(text) > limit:
        raise BadRequest(f"{name} is longer than {limit} characters", name)
    if not text.isprintable():
        raise BadRequest(f"{name} holds characters that cannot be shown", name)
    if required and not text:
        raise BadRequest(f"{name} is missing", name)
    return text


def hot_words(given: Any, field: str = "hot_words") -> tuple[str, ...]:
    """Hot words as a field of a request has them; none if that is missing.

    Args:
        field: its name, behind those of the objects that it is in.

    Raises:
        BadRequest: they are unfit.
    """
    try:
        return checked(given)
    except ValueError as error:
        raise BadRequest(f"{field.rpartition('.')[2]} {error}", field) from error


def of_prompt(text: str) -> list[str]:
    """As many hot words as fit of a prompt of OpenAI's API: a list of names, or a text with some in it."""
    words: list[str] = []
    for word in listed("".join(c if c.isprintable() else "\n" for c in text)):
        with suppress(ValueError):
            words = list(checked([*words, word]))
    return words


def listed(text: str) -> list[str]:
    """What a text has between commas or line breaks."""
    return [word for word in map(str.strip, re.split(r"[,\n]", text)) if word]


def station_id(text: str) -> str:
    """A station's id.

    Raises:
        BadRequest: it has other characters than it may have.
    """
    if not _STATION_ID.fullmatch(text):
        raise BadRequest(
            f"a station's id is 1 to {ID_LIMIT} lower-case letters, digits and inner hyphens, such as p4-stockholm",
            "id",
        )
    return text


def slug(name: str) -> str:
    """A station's id, made of its name; empty if that has other than Latin letters, in which alone it may differ."""
    apart = unicodedata.normalize("NFKD", name.casefold()).translate({ord("ø"): "o", ord("æ"): "ae"})
    plain = "".join(c for c in apart if not unicodedata.combining(c))
    if any(c.isalnum() and not c.isascii() for c in plain):
        return ""
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:ID_LIMIT].strip("-")


def numbered(id: str, number: int) -> str:
    """The id of another station that would have the same."""
    ending = f"-{number}"
    return id[: ID_LIMIT - len(ending)].rstrip("-") + ending


def masked(url: str) -> str:
    """An address with three stars instead of its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{MASK}@{host}").geturl()


def place(url: str) -> str:
    """The part of an address that says which station it is: no name, password or query."""
    parts = urlsplit(url)
    return f"{parts.hostname} {parts.port or ''} {parts.path}"


def language(text: str) -> str | None:
    """The code of a language, of which a region may be named too (sv-SE); None, to be detected, for an empty one.

    Raises:
        BadRequest: it is none.
    """
    name = text.strip().lower()
    if name in ("", "auto"):
        return None
    code = code_of(name)
    if code is None:
        raise BadRequest(
            f"language {name[:20]!r} is no code of a language; use one such as sv or en, or leave it out",
            "language",
        )
    return code


def task(text: str) -> Task | None:
    """What to do with speech; None, as the transcribers' TASK says, for an empty one.

    Raises:
        BadRequest: there is no such task.
    """
    name = text.strip().lower()
    known: dict[str, Task | None] = {"": None, **{each: each for each in get_args(Task)}}
    if name not in known:
        raise BadRequest(
            f"task {name[:20]!r} is neither transcribe nor translate (into English); or leave it out", "task"
        )
    return known[name]


def http_url(text: str, name: str = "url") -> str:
    """An address of the web.

    Raises:
        BadRequest: it has another scheme, no host, or a masked password.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        named = host and ("%" not in host or ":" in host)  # an IPv6 address may have a zone
        fit = parts.scheme in ("http", "https") and named and (parts.port is None or parts.port > 0)
    except ValueError:
        fit = False
    if not fit or len(text) > URL_LIMIT or not text.isascii() or not text.isprintable() or " " in text:
        raise BadRequest(f"{name} must be an address that begins with http:// or https://", name)
    if parts.password == MASK:
        raise BadRequest(f"{name} has {MASK} for its password, as it is shown; send the password itself", name)
    return text
