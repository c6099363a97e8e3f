"""The ids of stations: what they may consist of, and those of stations that were sent without one. Pure."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from wire.errors import BadRequest

#: Longest station id, which is part of URLs, keys and metric labels.
ID_LIMIT = 64
_STATION_ID = re.compile(rf"[a-z0-9](?:[a-z0-9-]{{0,{ID_LIMIT - 2}}}[a-z0-9])?")


def station_id(text: str) -> str:
    """Validate a station's id.

    Raises:
        BadRequest: it contains other characters than it may.
    """
    if not _STATION_ID.fullmatch(text):
        raise BadRequest(
            f"a station's id is 1 to {ID_LIMIT} lower-case letters, digits and inner hyphens, such as p4-stockholm",
            "id",
        )
    return text


def derive_id(name: str, url: str) -> str:
    """The id of a station that was sent without one.

    Raises:
        BadRequest: neither its name nor its URL contains a character that an id may have.
    """
    id = slug(name) or slug(url_identity(url))
    if not id:
        raise BadRequest("id is required: none can be derived from this name and URL", "id")
    return id


def slug(name: str) -> str:
    """A station id made from its name; empty if the name has non-Latin letters, which alone may distinguish it."""
    apart = unicodedata.normalize("NFKD", name.casefold()).translate({ord("ø"): "o", ord("æ"): "ae"})
    plain = "".join(c for c in apart if not unicodedata.combining(c))
    if any(c.isalnum() and not c.isascii() for c in plain):
        return ""
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:ID_LIMIT].strip("-")


def number_id(id: str, number: int) -> str:
    """An id with a number appended, for another station with the same name."""
    ending = f"-{number}"
    return id[: ID_LIMIT - len(ending)].rstrip("-") + ending


def url_identity(url: str) -> str:
    """The part of a URL that identifies a station: no user name, password or query."""
    parts = urlsplit(url)
    return f"{parts.hostname} {parts.port or ''} {parts.path}"
