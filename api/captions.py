"""Reading captions out of the log, for the routes of stations and jobs alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from flask import Response

from api import formats
from wire.captions import CaptionLog, latest_revisions
from wire.errors import UnknownSource
from wire.messages import Caption

#: Events read from Redis at once.
PAGE = 1000


def everything(log: CaptionLog, source: str) -> list[Caption]:
    """All captions of a source, each in its newest revision."""
    found: list[Caption] = []
    after = 0
    while page := log.read(source, after, PAGE):
        found += page
        after = page[-1].event
    return latest_revisions(found)


def answer(
    captions: Sequence[Caption], format: str, *, about: Mapping[str, Any], origin_s: float = 0.0, filename: str
) -> Response:
    """Captions as a file to take away.

    Args:
        about: what JSON says beside the captions.
        origin_s: the time that the other formats count as zero.

    Raises:
        UnknownSource: there is no such format.
    """
    known = formats.FORMATS.get(format)
    if format == "json":
        response = Response(formats.document(captions, about), mimetype="application/json")
    elif known:
        response = Response(known.render(captions, origin_s), content_type=f"{known.media_type}; charset=utf-8")
    else:
        raise UnknownSource(f"there is no format {format!r}; there are json, {', '.join(formats.FORMATS)}")
    plain = filename.encode("ascii", "ignore").decode().strip() or "captions"
    response.headers.set(
        "Content-Disposition",
        "inline",
        filename=f"{plain}.{format}",
        **{"filename*": f"UTF-8''{quote(f'{filename}.{format}', safe='')}"},
    )
    return response
