"""`/stations`: the register, what is known of each station, and its captions."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Collection, Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from api import access, captions, on_air
from api.archive.merging import LIMIT, Period
from api.context import context
from api.parameters import (
    URL_LIMIT,
    hot_words,
    http_url,
    json_body,
    known_fields,
    language,
    natural,
    numbered,
    period,
    place,
    slug,
    station_id,
    task,
    text_field,
)
from wire import keys
from wire.errors import BadRequest
from wire.messages import Kind, Station, Status, source_name

blueprint = Blueprint("stations", __name__)

#: What a caller says of a station.
FIELDS = ("id", "name", "url", "language", "listen_url", "hot_words", "task")

#: What `view` says beside it, which may come back with what was read, and changes nothing.
READ_ONLY = ("from_file", "status", "urls")

#: Events that a page of captions has if the request does not say.
DEFAULT_LIMIT = 200


@blueprint.get("/stations")
def index() -> dict[str, Any]:
    """Every station."""
    ctx = context()
    stations = ctx.stations.all()
    statuses = ctx.statuses.many(Kind.STATION, [station.id for station in stations])
    return {"stations": [view(station, status) for station, status in zip(stations, statuses, strict=True)]}


@blueprint.post("/stations")
def add() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Add a station, or replace one of the same id."""
    ctx, values = context(), json_body()
    sent = _station(values)
    _check_on_air(sent, values)
    station, new = ctx.stations.put(lambda there: sent if text_field(values, "id") else _apart(sent, there))
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
    """Change what the body names (RFC 7396); null is what a new station has."""
    ctx, changes = context(), json_body()
    if changes.get("id", id) != id:
        raise BadRequest("the id of a station stays; add another, and remove this one", "id")

    def changed(before: Station) -> Station:
        return _station({**before.as_dict(), **changes, "id": id})

    _check_on_air(changed(ctx.stations.get(id)), changes)
    # One that was removed meanwhile is asked for again, which says so.
    station, _ = ctx.stations.put(lambda stations: changed(stations.get(id) or ctx.stations.get(id)))
    return view(station, ctx.statuses.get(Kind.STATION, id))


@blueprint.delete("/stations/<id>")
def remove(id: str) -> tuple[str, int]:
    """Remove a station with its captions; its viewers are sent away."""
    ctx = context()
    ctx.stations.remove(id)
    source = source_name(Kind.STATION, id)
    ctx.log.forget(source)
    ctx.archivist.forget(source)
    ctx.redis.publish(keys.live(source), json.dumps({"type": "end", "source": source}))
    return "", 204


@blueprint.get("/stations/<id>/captions")
def read(id: str) -> Response:
    """Captions behind `after`, those between `from` and `to`, or the latest."""
    return _captions(id, "json", limit=DEFAULT_LIMIT)


@blueprint.get("/stations/<id>/captions.<format>")
def download(id: str, format: str) -> Response:
    """Captions behind `after`, those between `from` and `to`, or all that the log has, as a file."""
    return _captions(id, format)


def _captions(id: str, format: str, limit: int | None = None) -> Response:
    ctx = context()
    known_fields(request.args, ("after", "from", "to", "first", "limit"))
    station = ctx.stations.get(id)
    about = {"language": station.language, "task": station.task}
    source = source_name(Kind.STATION, id)
    if "from" in request.args or "to" in request.args:
        wanted = _period(limit or LIMIT)
        return captions.between(ctx.archivist, source, format, wanted, about=about, filename=id)
    if "first" in request.args:
        raise BadRequest("first is the caption with which a page of a time begins: say from, too", "first")
    return captions.stretch(ctx.log, source, format, about=about, filename=id, limit=limit)


def _period(limit: int) -> Period:
    """The period that the query asks for.

    Raises:
        BadRequest: it is unfit.
    """
    if "after" in request.args:
        raise BadRequest(
            "captions are those after an event, or those of a time: leave out after, or from and to", "after"
        )
    from_s, to_s = period()
    first, limit = natural("first", 0), natural("limit", limit, minimum=1, maximum=LIMIT)
    return Period(from_s, to_s, first, limit)


def _station(values: dict[str, Any]) -> Station:
    """The station of a request.

    Raises:
        BadRequest: a field is unfit, or unknown.
    """
    known_fields((name for name in values if name not in READ_ONLY), FIELDS)
    name = text_field(values, "name")
    url = http_url(text_field(values, "url", limit=URL_LIMIT, required=True))
    id = text_field(values, "id")
    id = station_id(id) if id else _made_up_id(name, url)
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
    """Look at the fields that were sent: what was there before may be of an earlier model, and is no fault of theirs.

    Raises:
        BadRequest: no model on air knows the language, or can do the task.
    """
    on_air.check(
        context().redis,
        station.language if "language" in sent else None,
        station.task if "task" in sent else None,
    )


def _made_up_id(name: str, url: str) -> str:
    """The id of a station that is sent without one.

    Raises:
        BadRequest: neither its name nor its address has anything that an id may hold.
    """
    id = slug(name) or slug(place(url))
    if not id:
        raise BadRequest("give an id: none can be made of this name and address", "id")
    return id


def _apart(station: Station, stations: Mapping[str, Station]) -> Station:
    """`station` with the id that was made up for it, or with a number behind it, to replace none of another address."""
    candidates = itertools.chain([station.id], (numbered(station.id, number) for number in itertools.count(2)))
    id = next(each for each in candidates if each not in stations or stations[each].url == station.url)
    return dataclasses.replace(station, id=id, name=id if station.name == station.id else station.name)


def view(station: Station, status: Status) -> dict[str, Any]:
    """A station as callers see it."""
    return {
        **station.as_dict(),
        "url": access.visible(context().settings, request, station.url),
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
