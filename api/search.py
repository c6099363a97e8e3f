"""`/search`: full-text search in captions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

from flask import Blueprint, request

from api.archive.query import expression
from api.archive.store import ArchiveError, Match, Search
from api.context import Context, context
from api.http import access
from api.http.parameters import int_query, known_fields, language, next_page, period_query
from api.http.problems import Problem
from api.jobs import name_of
from wire.errors import BadRequest, UnknownSource
from wire.messages import Kind, split_source

blueprint = Blueprint("search", __name__)

#: Query parameters.
FIELDS = ("q", "source", "language", "from", "to", "before", "limit")

#: Fields of a result beside its source and name; `before` and `after` are the texts of the neighbouring captions.
_SHOWN = ("id", "said_s", "changed_s", "start_s", "end_s", "language", "text", "marks", "before", "after")

#: Most captions on a page, and the default.
LIMIT, DEFAULT_LIMIT = 200, 50


@blueprint.get("/search")
def search() -> tuple[dict[str, Any], dict[str, str]]:
    """Captions that match a query, newest first, with a link to the next page."""
    results, next = look_up(FIELDS)
    query = {name: value for name, value in request.args.items() if name in FIELDS}
    more = {} if next is None else {"Link": next_page(**(query | {"before": str(next)}))}
    return {"results": results, "next": next}, more


def look_up(fields: Collection[str]) -> tuple[list[dict[str, Any]], int | None]:
    """The captions that match the request's query, newest first, and the `before` of the next page, if any.

    Clients that may not list recordings search stations, or one recording whose id they know.

    Args:
        fields: the query parameters that are allowed.

    Raises:
        BadRequest: the query is invalid.
        UnknownSource: there is no source of this name.
        Problem: 503, the archive cannot be searched now.
    """
    ctx = context()
    known_fields(request.args, fields)
    limit = int_query("limit", DEFAULT_LIMIT, minimum=1, maximum=LIMIT)
    from_s, to_s = period_query()
    query = Search(
        expression(request.args.get("q", "")),
        source=_source(request.args.get("source", "")),
        uploads=access.authorized(ctx.settings, request),
        language=language(request.args.get("language", "")),
        from_s=from_s,
        to_s=to_s,
        before=int_query("before", None),
        limit=limit + 1,
    )
    try:
        matches = ctx.archivist.search(query)
    except ArchiveError as error:
        raise Problem(503, f"The search failed: {error}.") from error
    if query.source and not matches:
        _check_exists(ctx, query.source)
    page = matches[:limit]
    return _results(ctx, page), page[-1].row if len(matches) > limit else None


def _source(name: str) -> str | None:
    """The source parameter.

    Raises:
        BadRequest: it does not name a source that can be searched.
    """
    kind, _, id = name.partition("/")
    if name and (kind not in (Kind.STATION, Kind.JOB) or not re.fullmatch("[a-z0-9-]+", id)):
        raise BadRequest(f"source {name[:40]!r} must be such as stations/p1 or jobs/ID", "source")
    return name or None


def _check_exists(ctx: Context, source: str) -> None:
    """Check that a source without matches exists.

    Raises:
        UnknownSource: it does not.
    """
    kind, id = split_source(source)
    (ctx.stations if kind is Kind.STATION else ctx.jobs).get(id)


def _results(ctx: Context, page: Iterable[Match]) -> list[dict[str, Any]]:
    """Captions as clients see them, with the names of their sources."""
    stations = {station.id: station.name for station in ctx.stations.all()}

    @cache
    def name(source: str) -> str:
        kind, id = split_source(source)
        if kind is Kind.STATION:
            return stations.get(id, id)
        try:
            job = ctx.jobs.get(id)
        except UnknownSource:  # it has just expired
            return id
        return name_of(job)

    return [
        {"source": each.source, "name": name(each.source), **{field: getattr(each, field) for field in _SHOWN}}
        for each in page
    ]
