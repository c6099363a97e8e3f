"""`/search.atom`: a search that is followed, as a feed (Atom, RFC 4287).

Links are absolute: relative ones, which it allows, are read wrongly by some.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

from flask import Blueprint, Response, request, url_for

from api import access
from api.context import context
from api.cues import clean
from api.search import look_up
from wire.messages import Kind, split_source

blueprint = Blueprint("feed", __name__)

#: What may be asked for: a feed has one page, the newest.
FIELDS = ("q", "source", "language", "from", "to", "limit")

#: Longest title of an entry behind the name, in characters.
TITLE_LIMIT = 100

#: So much of what was said is in an entry's text file, before it and after it, in seconds.
AROUND_S = 120

# Where ids begin (RFC 4151). They are the same wherever the server is reached: instead of its name, they have one that
# is nobody's (RFC 2606).
_TAG = "tag:undertext.invalid,2026:"


@blueprint.get("/search.atom")
def show() -> Response:
    """The newest captions that hold what is looked for; 304, if they are those that the client has."""
    found, _ = look_up(FIELDS)
    query = {name: request.args[name] for name in FIELDS if name in request.args}
    feed = written(query, found, access.address(context().settings, request))
    document = tostring(feed, "utf-8", xml_declaration=True)
    answer = Response(document, content_type="application/atom+xml; charset=utf-8")
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def written(query: Mapping[str, Any], found: list[dict[str, Any]], address: str) -> Element:
    """The feed of a search.

    Args:
        query: what was asked for.
        found: captions as `look_up` finds them.
        address: where the server is.
    """
    words = query["q"]
    feed = Element("feed", xmlns="http://www.w3.org/2005/Atom")
    subject = [(name, query[name]) for name in FIELDS if query.get(name) and name != "limit"]
    _add(feed, "id", f"{_TAG}search?{urlencode(subject, quote_via=quote, safe='')}")
    _add(feed, "title", f"Said: {words} – Undertext")
    # Where nothing is found, nothing ever changed: each answer is the same as the one before.
    _add(feed, "updated", _time(max(map(_changed_s, found), default=0.0)))
    _add(feed, "link", rel="self", type="application/atom+xml", href=address + url_for("feed.show", **query))
    page = f"{address}{url_for('page.index')}#search/{quote(words, safe='')}"
    _add(feed, "link", rel="alternate", type="text/html", href=page)
    for each in found:
        _add_entry(feed, each, address)
    return feed


def _add_entry(feed: Element, found: Mapping[str, Any], address: str) -> None:
    source, name, text = found["source"], found["name"], clean(found["text"])
    entry = SubElement(feed, "entry", {"xml:lang": found["language"]} if found["language"] else {})
    # Numbers of captions begin anew where a database is; the time tells them apart.
    _add(entry, "id", f"{_TAG}{source}/{found['id']}/{found['start_s']:.3f}")
    begin = text if len(text) <= TITLE_LIMIT else f"{text[: TITLE_LIMIT - 1].rstrip()}…"
    _add(entry, "title", f"{name}: {begin}")
    _add(entry, "published", _time(found["said_s"]))
    _add(entry, "updated", _time(_changed_s(found)))
    _add(SubElement(entry, "author"), "name", name)
    _add(entry, "content", f"{found['before']} {text} {found['after']}", type="text")
    _add(entry, "link", rel="alternate", type="text/html", href=address + _moment(source, found["start_s"]))
    around = address + _around(source, found["start_s"], found["end_s"])
    _add(entry, "link", rel="related", type="text/plain", href=around)


def _moment(source: str, start_s: float) -> str:
    """Where the page shows a caption; it writes such addresses, too (`frontend/modules/moment.js`)."""
    kind, id = split_source(source)
    view = "radio" if kind is Kind.STATION else "file"
    return f"{url_for('page.index')}#{view}/{id}?at={start_s:.3f}"


def _around(source: str, start_s: float, end_s: float) -> str:
    """Where that is as a text which was said around a caption."""
    kind, id = split_source(source)
    period = {"from": max(0, math.floor(start_s) - AROUND_S), "to": math.ceil(end_s) + AROUND_S}
    path = url_for("stations.download" if kind is Kind.STATION else "jobs.download", id=id, format="txt")
    return f"{path}?{urlencode(period)}"


def _changed_s(found: Mapping[str, Any]) -> float:
    """When a caption became what it is: said, or corrected, without which readers would show what they have."""
    return float(max(found["said_s"], found["changed_s"]))


def _time(unix_s: float) -> str:
    """A Unix time as RFC 3339 writes it."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add(parent: Element, tag: str, text: str = "", **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = clean(text)
