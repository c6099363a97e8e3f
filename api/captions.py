"""Responses with captions from the log or the archive, for every kind of source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import quote

from flask import Response, send_file
from gevent.lock import BoundedSemaphore

from api.archive.copying import Archivist
from api.archive.merging import Period
from api.http.parameters import int_query, next_page
from api.http.problems import Problem
from api.text import formats
from api.text.gaps import within
from api.threadpool import run_in_thread
from wire.captions import CaptionLog, latest_revisions
from wire.errors import UnknownSource
from wire.messages import Caption

#: Events read from Redis at once. Decoding them, nothing else is served: 1,000 take 0.1 s.
PAGE = 200

#: Most events in one request.
LIMIT = 5000

#: Larger answers are sent from a file: those to slow clients would fill the memory.
MAX_IN_MEMORY_BYTES = 1 << 20

#: Requests for more captions than this are read and written one at a time: nine hours of captions take seconds of the
#: processor and a hundred megabytes, and anyone may request them, many times at once.
MANY = 1000
#: A period of this length has fewer, in seconds.
SHORT_S = 3600.0
#: Longest wait for other such requests, in seconds.
SLOT_TIMEOUT_S = 30.0
_SLOT = BoundedSemaphore(1)

ALWAYS = Period()


def all_captions(log: CaptionLog, source: str, after: int = 0) -> list[Caption]:
    """All captions of a source that are kept, or those after event `after`, each in its newest revision."""
    captions: list[Caption] = []
    while page := log.read(source, after, PAGE):
        captions += page
        after = page[-1].event
    return latest_revisions(captions)


def log_response(
    log: CaptionLog, source: str, format: str, *, about: Mapping[str, Any], filename: str, limit: int | None = None
) -> Response:
    """Captions of a live source as a file: all that are kept, or those selected by the query's `after` and `limit`.

    In SRT and WebVTT, times count from the first caption. All formats but JSON, whose readers recognise revisions by
    their ids, contain final captions only: the end of one page would be repeated, reworded, at the start of the next.

    Args:
        about: what JSON contains about the source.
        limit: most events if the query has no `limit`; None for all.

    Raises:
        BadRequest: the query is invalid.
        UnknownSource: there is no such format.
    """
    after, limit = int_query("after", None), int_query("limit", limit, minimum=1, maximum=LIMIT)
    newest_event = log.progress(source).event
    with slot(newest_event - (after or 0) if limit is None else limit):
        if limit is None:
            captions = all_captions(log, source, after or 0)
        else:
            captions = latest_revisions(log.latest(source, limit) if after is None else log.read(source, after, limit))
        next = max((caption.event for caption in captions), default=after or 0)
        shown = captions if format == "json" else [caption for caption in captions if caption.final or not caption.text]
        origin_s = min((caption.start_s for caption in shown), default=0.0)
        # Ids count from 1: captions older than the first of these are no longer kept, or were not requested.
        whole = len(shown) == len(captions) and (captions[0].id == 1 if captions else newest_event == 0)
        complete = whole and next >= newest_event
        about = {**about, "source": source, "start_s": origin_s if captions else None, "next": next}
        response = captions_response(
            shown, format, about=about, complete=complete, origin_s=origin_s, filename=filename
        )
        if limit is not None and captions and next < newest_event:
            response.headers["Link"] = next_page(after=next, limit=limit)
        return response


def period_response(
    archivist: Archivist, source: str, format: str, period: Period, *, about: Mapping[str, Any], filename: str
) -> Response:
    """What a station said in a period, as a file. Times count from the start of the period, as in its audio.

    If the period has no start, they count from the first words.

    Args:
        about: what JSON contains about the source.

    Raises:
        UnknownSource: there is no such format.
    """
    with slot(0 if period.to_s - period.from_s <= SHORT_S else period.limit):
        page = archivist.captions(source, period)
        start_s = next((caption.start_s for caption in page.captions if caption.text), None)
        bounds = {"from_s": period.from_s, "to_s": period.to_s}
        finite = {name: time_s for name, time_s in bounds.items() if math.isfinite(time_s)}
        about = {**about, **finite, "source": source, "start_s": start_s, "next": page.event}
        origin_s = finite.get("from_s") or start_s  # 0 means from the beginning
        if origin_s is not None:
            filename += f" {formats.stamp(origin_s)}"
        response = captions_response(
            page.captions,
            format,
            about=about,
            complete=page.complete,
            origin_s=origin_s or 0.0,
            period=period,
            filename=filename,
        )
        if page.next:
            to = {} if math.isinf(period.to_s) else {"to": period.to_s}
            begin = {"from": page.next.start_s, "first": page.next.id}
            response.headers["Link"] = next_page(**begin, **to, limit=period.limit)
        return response


def captions_response(
    captions: Sequence[Caption],
    format: str,
    *,
    about: Mapping[str, Any],
    complete: bool,
    origin_s: float = 0.0,
    period: Period = ALWAYS,
    filename: str,
) -> Response:
    """Captions as a file to download.

    Args:
        period: that of the captions; the other formats note no gaps outside of it.
        about: what JSON contains beside the captions.
        complete: whether these are all captions, as JSON and a header report.
        origin_s: the time that the other formats count as zero.

    Raises:
        UnknownSource: there is no such format.
    """
    known = formats.FORMATS.get(format)
    if format == "json":
        text = run_in_thread(formats.document, captions, {**about, "complete": complete})
        response = _text_response(text, "application/json")
    elif known:
        text = run_in_thread(known.render, within(captions, period.from_s, period.to_s), origin_s)
        response = _text_response(text, f"{known.media_type}; charset=utf-8")
    else:
        raise UnknownSource(f"there is no format {format!r}; the formats are json, {', '.join(formats.FORMATS)}")
    response.headers["Captions-Complete"] = "true" if complete else "false"
    plain = filename.encode("ascii", "ignore").decode().strip() or "captions"
    response.headers.set(
        "Content-Disposition",
        "inline",
        filename=f"{plain}.{format}",
        **{"filename*": f"UTF-8''{quote(f'{filename}.{format}', safe='')}"},
    )
    return response


@contextmanager
def slot(n_captions: int) -> Iterator[None]:
    """Wait for other requests for many captions, before reading up to `n_captions` of them.

    Raises:
        Problem: 503, they take too long.
    """
    if n_captions <= MANY:
        yield
        return
    if not _SLOT.acquire(timeout=SLOT_TIMEOUT_S):
        raise Problem(503, "Others are downloading all captions of a source; try again.", {"Retry-After": "10"})
    try:
        yield
    finally:
        _SLOT.release()


def _text_response(text: str, content_type: str) -> Response:
    data = text.encode()
    if len(data) <= MAX_IN_MEMORY_BYTES:
        return Response(data, content_type=content_type)
    try:
        with NamedTemporaryFile() as file:
            run_in_thread(file.write, data)
            file.flush()
            response = send_file(file.name, conditional=False, etag=False)
    except OSError:  # the disk is full, perhaps of uploads
        return Response(data, content_type=content_type)
    response.content_type = content_type
    del response.headers["Last-Modified"]  # the file's
    return response
