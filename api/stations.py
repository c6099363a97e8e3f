"""`/stations`: the list of stations, their statuses, and their captions."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Collection, Mapping
from typing import Any

from flask import Blueprint, Response, current_app, request, url_for

from api import captions, on_air
from api.archive.merging import LIMIT, Period
from api.context import context
from api.http import access
from api.http.parameters import (
    URL_LIMIT,
    hot_words,
    http_url,
    int_query,
    json_body,
    known_fields,
    language,
    period_query,
    task,
    text_field,
)
from api.station_ids import derive_id, number_id, station_id
from wire import keys
from wire.errors import BadRequest
from wire.messages import Kind, Station, Status, source_name

blueprint = Blueprint("stations", __name__)

#: Fields of a station that clients may set.
FIELDS = ("id", "name", "url", "language", "listen_url", "hot_words", "task")

#: Other fields of `view`, which clients may send back; they are ignored.
READ_ONLY = ("from_file", "status", "urls")

#: Default number of events on a page of captions.
DEFAULT_LIMIT = 200


@blueprint.get("/stations")
def index() -> Response:
    """Every station. Statuses may be a second old: every open page polls this, and 200 stations take 50 ms."""
    ctx = context()
    stations = tuple(ctx.stations.all())

    def read() -> str:
        statuses = ctx.statuses.many(Kind.STATION, [station.id for station in stations])
        views = [view(station, status) for station, status in zip(stations, statuses, strict=True)]
        return current_app.json.dumps({"stations": views}, separators=(",", ":"))

    text = ctx.cache.get((stations, access.has_token(ctx.settings, request)), read)
    return Response(text, mimetype="application/json")


@blueprint.post("/stations")
def add() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Add a station, or replace the one with the same id."""
    ctx, values = context(), json_body()
    sent = _station(values)
    _check_on_air(sent, values)
    station, new = ctx.stations.put(
        lambda stations: sent if text_field(values, "id") else _with_free_id(sent, stations)
    )
    return (
        view(station, ctx.statuses.get(Kind.STATION, station.id)),
        201 if new else 200,
        {"Location": url_for("stations.show", id=station.id)},
    )


@blueprint.get("/stations/<id>")
def show(id: str) -> dict[str, Any]:
    """One station."""
    ctx = context()
    return view(ctx.stations.get(id), ctx.statuses.get(Kind.STATION, id))


@blueprint.patch("/stations/<id>")
def change(id: str) -> dict[str, Any]:
    """Change the fields in the body (RFC 7396); null resets a field to its default."""
    ctx, changes = context(), json_body()
    if changes.get("id", id) != id:
        raise BadRequest("a station's id cannot be changed; add another station, and remove this one", "id")

    def changed(before: Station) -> Station:
        return _station({**before.as_dict(), **changes, "id": id})

    _check_on_air(changed(ctx.stations.get(id)), changes)
    # If the station was removed in the meantime, this second look-up reports it.
    station, _ = ctx.stations.put(lambda stations: changed(stations.get(id) or ctx.stations.get(id)))
    return view(station, ctx.statuses.get(Kind.STATION, id))


@blueprint.delete("/stations/<id>")
def remove(id: str) -> tuple[str, int]:
    """Remove a station with its captions; its viewers are disconnected."""
    ctx = context()
    ctx.stations.remove(id)
    source = source_name(Kind.STATION, id)
    ctx.log.delete(source)
    ctx.archivist.delete(source)
    ctx.redis.publish(keys.live(source), json.dumps({"type": "end", "source": source}))
    return "", 204


@blueprint.get("/stations/<id>/captions")
def read(id: str) -> Response:
    """Captions after `after`, those between `from` and `to`, or the latest."""
    return _captions(id, "json", limit=DEFAULT_LIMIT)


@blueprint.get("/stations/<id>/captions.<format>")
def download(id: str, format: str) -> Response:
    """Captions after `after`, those between `from` and `to`, or all in the log, as a file."""
    return _captions(id, format)


def _captions(id: str, format: str, limit: int | None = None) -> Response:
    ctx = context()
    known_fields(request.args, ("after", "from", "to", "first", "limit"))
    station = ctx.stations.get(id)
    about = {"language": station.language, "task": station.task}
    source = source_name(Kind.STATION, id)
    if "from" in request.args or "to" in request.args:
        period = _period(limit or LIMIT)
        return captions.period_response(ctx.archivist, source, format, period, about=about, filename=id)
    if "first" in request.args:
        raise BadRequest("first is the caption with which a page of a period begins: give from, too", "first")
    return captions.log_response(ctx.log, source, format, about=about, filename=id, limit=limit)


def _period(limit: int) -> Period:
    """The period that the query asks for.

    Raises:
        BadRequest: it is invalid.
    """
    if "after" in request.args:
        raise BadRequest("captions are selected by event or by time: omit either after, or from and to", "after")
    from_s, to_s = period_query()
    first, limit = int_query("first", 0), int_query("limit", limit, minimum=1, maximum=LIMIT)
    return Period(from_s, to_s, first, limit)


def _station(values: dict[str, Any]) -> Station:
    """Build the station of a request.

    Raises:
        BadRequest: a field is invalid or unknown.
    """
    known_fields((name for name in values if name not in READ_ONLY), FIELDS)
    name = text_field(values, "name")
    url = http_url(text_field(values, "url", limit=URL_LIMIT, required=True))
    id = text_field(values, "id")
    id = station_id(id) if id else derive_id(name, url)
    listen_url = text_field(values, "listen_url", limit=URL_LIMIT)
    return Station(
        id=id,
        name=name or id,
        url=url,
        language=language(text_field(values, "language")),
        listen_url=http_url(listen_url, "listen_url") if listen_url else None,
        hot_words=hot_words(values.get("hot_words")),
        task=task(text_field(values, "task")),
    )


def _check_on_air(station: Station, sent: Collection[str]) -> None:
    """Check the fields that were sent: the others may date from an earlier model, and are not the client's fault.

    Raises:
        BadRequest: no model on air supports the language, or the task.
    """
    on_air.check(
        context().redis,
        station.language if "language" in sent else None,
        station.task if "task" in sent else None,
    )


def _with_free_id(station: Station, stations: Mapping[str, Station]) -> Station:
    """`station` with its derived id, numbered if a station with another URL has that id."""
    candidates = itertools.chain([station.id], (number_id(station.id, number) for number in itertools.count(2)))
    id = next(each for each in candidates if each not in stations or stations[each].url == station.url)
    return dataclasses.replace(station, id=id, name=id if station.name == station.id else station.name)


def view(station: Station, status: Status) -> dict[str, Any]:
    """A station as clients see it."""
    return {
        **station.as_dict(),
        "url": access.visible_url(context().settings, request, station.url),
        "status": {name: value for name, value in status.as_dict().items() if name not in ("type", "source")},
        "urls": {
            "self": url_for("stations.show", id=station.id),
            "captions": url_for("stations.read", id=station.id),
            "audio": url_for("audio.excerpt", id=station.id, format="mp3"),
            "hls": url_for("hls.live", id=station.id),
            "live": f"{url_for('stations.show', id=station.id)}/live",
            "events": url_for("events.station", id=station.id),
        },
    }
