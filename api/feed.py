"""`/search.atom`: a search as a feed to subscribe to (Atom, RFC 4287).

Links are absolute: the RFC permits relative ones, but some readers resolve them wrongly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

from flask import Blueprint, Response, request, url_for

from api.context import context
from api.http import access
from api.search import look_up
from api.text.cues import clean
from wire.messages import Kind, split_source

blueprint = Blueprint("feed", __name__)

#: Query parameters: a feed has one page, the newest.
FIELDS = ("q", "source", "language", "from", "to", "limit")

#: Longest title of an entry, after the source's name, in characters.
TITLE_LIMIT = 100

#: The text linked from an entry contains this much before and after the caption, in seconds.
AROUND_S = 120

# Prefix of ids (RFC 4151). Ids do not depend on the server's address, so they use a name that is reserved for nobody
# (RFC 2606).
_TAG = "tag:undertext.invalid,2026:"


@blueprint.get("/search.atom")
def show() -> Response:
    """The newest captions that match a search; 304 if the client has them already."""
    results, _ = look_up(FIELDS)
    query = {name: request.args[name] for name in FIELDS if name in request.args}
    feed = build_feed(query, results, access.server_url(context().settings, request))
    document = tostring(feed, "utf-8", xml_declaration=True)
    answer = Response(document, content_type="application/atom+xml; charset=utf-8")
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def build_feed(query: Mapping[str, Any], results: list[dict[str, Any]], address: str) -> Element:
    """The feed of a search.

    Args:
        query: the query parameters.
        results: captions as `look_up` returns them.
        address: the server's own address.
    """
    words = query["q"]
    feed = Element("feed", xmlns="http://www.w3.org/2005/Atom")
    subject = [(name, query[name]) for name in FIELDS if query.get(name) and name != "limit"]
    _add(feed, "id", f"{_TAG}search?{urlencode(subject, quote_via=quote, safe='')}")
    _add(feed, "title", f"Said: {words} – Undertext")
    # An empty feed has never changed: every answer is the same as the last.
    _add(feed, "updated", _time(max(map(_changed_s, results), default=0.0)))
    _add(feed, "link", rel="self", type="application/atom+xml", href=address + url_for("feed.show", **query))
    page = f"{address}{url_for('page.index')}#search/{quote(words, safe='')}"
    _add(feed, "link", rel="alternate", type="text/html", href=page)
    for each in results:
        _add_entry(feed, each, address)
    return feed


def _add_entry(feed: Element, result: Mapping[str, Any], address: str) -> None:
    source, name, text = result["source"], result["name"], clean(result["text"])
    entry = SubElement(feed, "entry", {"xml:lang": result["language"]} if result["language"] else {})
    # Caption ids restart when Redis loses its data; the time tells them apart.
    _add(entry, "id", f"{_TAG}{source}/{result['id']}/{result['start_s']:.3f}")
    begin = text if len(text) <= TITLE_LIMIT else f"{text[: TITLE_LIMIT - 1].rstrip()}…"
    _add(entry, "title", f"{name}: {begin}")
    _add(entry, "published", _time(result["said_s"]))
    _add(entry, "updated", _time(_changed_s(result)))
    _add(SubElement(entry, "author"), "name", name)
    _add(entry, "content", f"{result['before']} {text} {result['after']}", type="text")
    _add(entry, "link", rel="alternate", type="text/html", href=address + _moment(source, result["start_s"]))
    around = address + _around(source, result["start_s"], result["end_s"])
    _add(entry, "link", rel="related", type="text/plain", href=around)


def _moment(source: str, start_s: float) -> str:
    """Where the page shows a caption; `frontend/modules/moment.js` writes such addresses, too."""
    kind, id = split_source(source)
    view = "radio" if kind is Kind.STATION else "file"
    return f"{url_for('page.index')}#{view}/{id}?at={start_s:.3f}"


def _around(source: str, start_s: float, end_s: float) -> str:
    """Where the text around a caption can be downloaded."""
    kind, id = split_source(source)
    period = {"from": max(0, math.floor(start_s) - AROUND_S), "to": math.ceil(end_s) + AROUND_S}
    path = url_for("stations.download" if kind is Kind.STATION else "jobs.download", id=id, format="txt")
    return f"{path}?{urlencode(period)}"


def _changed_s(result: Mapping[str, Any]) -> float:
    """When a caption got its present text: when it was said, or corrected, so that readers show the correction."""
    return float(max(result["said_s"], result["changed_s"]))


def _time(unix_s: float) -> str:
    """A Unix time in the format of RFC 3339."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add(parent: Element, tag: str, text: str = "", **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = clean(text)
