"""`/search`: what was said, by whom and when."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

from flask import Blueprint, request

from api import access
from api.archive.query import expression
from api.archive.store import ArchiveError, Found, Wanted
from api.context import Context, context
from api.jobs import name_of
from api.parameters import known_fields, language, natural, next_page, period
from api.problems import Problem
from wire.errors import BadRequest, UnknownSource
from wire.messages import Kind, split_source

blueprint = Blueprint("search", __name__)

#: What may be asked for.
FIELDS = ("q", "source", "language", "from", "to", "before", "limit")

#: What is shown of a caption beside who said it; `before` and `after` it are the captions' around it.
_SHOWN = ("id", "said_s", "changed_s", "start_s", "end_s", "language", "text", "marks", "before", "after")

#: Captions on a page at most, and if the caller does not say.
LIMIT, DEFAULT_LIMIT = 200, 50


@blueprint.get("/search")
def search() -> tuple[dict[str, Any], dict[str, str]]:
    """Captions that hold what is looked for, newest first; a link leads to the next page."""
    results, next = look_up(FIELDS)
    query = {name: value for name, value in request.args.items() if name in FIELDS}
    more = {} if next is None else {"Link": next_page(**(query | {"before": str(next)}))}
    return {"results": results, "next": next}, more


def look_up(fields: Collection[str]) -> tuple[list[dict[str, Any]], int | None]:
    """What the query of a request finds, newest first, and the `before` of the next page; None, where there is none.

    Who may not list recordings finds what stations have said, or what one recording did whose id it can name.

    Args:
        fields: those that the query may have.

    Raises:
        BadRequest: the query is unfit.
        UnknownSource: there is none of the name that was given.
        Problem: 503, nothing can be found now.
    """
    ctx = context()
    known_fields(request.args, fields)
    limit = natural("limit", DEFAULT_LIMIT, minimum=1, maximum=LIMIT)
    from_s, to_s = period()
    wanted = Wanted(
        expression(request.args.get("q", "")),
        source=_source(request.args.get("source", "")),
        uploads=access.admitted(ctx.settings, request),
        language=language(request.args.get("language", "")),
        from_s=from_s,
        to_s=to_s,
        before=natural("before", None),
        limit=limit + 1,
    )
    try:
        found = ctx.archivist.search(wanted)
    except ArchiveError as error:
        raise Problem(503, f"Nothing can be found: {error}.") from error
    if wanted.source and not found:
        _check_that_it_is(ctx, wanted.source)
    page = found[:limit]
    return _shown(ctx, page), page[-1].row if len(found) > limit else None


def _source(name: str) -> str | None:
    """The source of a query.

    Raises:
        BadRequest: it is none that can be searched.
    """
    kind, _, id = name.partition("/")
    if name and (kind not in (Kind.STATION, Kind.JOB) or not re.fullmatch("[a-z0-9-]+", id)):
        raise BadRequest(f"source {name[:40]!r} is neither such as stations/p1 nor such as jobs/ID", "source")
    return name or None


def _check_that_it_is(ctx: Context, source: str) -> None:
    """Nothing was found in a source: is there one?

    Raises:
        UnknownSource: there is none of this name.
    """
    kind, id = split_source(source)
    (ctx.stations if kind is Kind.STATION else ctx.jobs).get(id)


def _shown(ctx: Context, page: Iterable[Found]) -> list[dict[str, Any]]:
    """Captions as callers see them, with the name of who said it."""
    stations = {station.id: station.name for station in ctx.stations.all()}

    @cache
    def name(source: str) -> str:
        kind, id = split_source(source)
        if kind is Kind.STATION:
            return stations.get(id, id)
        try:
            job = ctx.jobs.get(id)
        except UnknownSource:  # it has expired at this moment
            return id
        return name_of(job)

    return [
        {"source": each.source, "name": name(each.source), **{field: getattr(each, field) for field in _SHOWN}}
        for each in page
    ]
