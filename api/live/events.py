"""Live captions as server-sent events: `GET /stations/{id}/events`, and of jobs and microphones.

The messages are those of the WebSockets. A browser's EventSource reconnects by itself, with the last id that it has
seen, until the answer is not 200: 204 if the source has ended, but never because Redis is unreachable.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from functools import partial

from flask import Blueprint, Response, request

from api.context import Context, context
from api.http import access, sockets, sse
from api.http.parameters import int_query, parse_int
from api.live.follow import Follower
from api.live.websockets import count, error_message, start_event
from wire.bus import RedisError
from wire.messages import Kind, source_name

blueprint = Blueprint("events", __name__)

#: How long a client waits before it reconnects, in milliseconds.
RETRY_MS = 2000

#: How often an idle stream checks that its client is still connected, in seconds.
POLL_S = 5.0


@blueprint.get("/stations/<id>/events")
def station(id: str) -> Response:
    """Captions of a station: those after the last event that the client has seen, or new ones."""
    return _answer(Kind.STATION, id)


@blueprint.get("/jobs/<id>/events")
def job(id: str) -> Response:
    """Captions of an upload: those after the last event that the client has seen, or all."""
    return _answer(Kind.JOB, id)


@blueprint.get("/microphones/<id>/events")
def microphone(id: str) -> Response:
    """Captions of a microphone: those after the last event that the client has seen, or all."""
    return _answer(Kind.MICROPHONE, id)


def _answer(kind: Kind, id: str) -> Response:
    ctx = context()
    access.check_origin(ctx.settings, request, socket=True)  # it occupies a connection, as a WebSocket does
    name = "Last-Event-ID"
    seen = request.headers.get(name, "")
    # When an EventSource reconnects, `after` is still in its URL; the header is newer.
    after = parse_int(name, seen) if seen else int_query("after", None)
    try:
        first, aborted = start_event(ctx, kind, id, after)
        if seen and kind is not Kind.STATION and _has_all(ctx, source_name(kind, id), first, aborted=aborted):
            return Response(status=204)
    except RedisError as error:
        if sse.MEDIA_TYPE not in request.headers.get("Accept", ""):
            raise
        return sse.EventStream(_away(error), ctx.settings.send_timeout_s)
    ctx.sockets.check_room()
    return sse.EventStream(_events(ctx, kind, id, first, aborted=aborted), ctx.settings.send_timeout_s)


def _has_all(ctx: Context, source: str, event: int, *, aborted: bool) -> bool:
    """Return True if a source has ended and has no captions after an event."""
    progress = ctx.log.progress(source)
    return event >= progress.event and (aborted or progress.finished)


def _events(ctx: Context, kind: Kind, id: str, after: int, *, aborted: bool) -> Generator[str]:
    source, ping_s = source_name(kind, id), ctx.settings.ping_interval_s
    with ctx.hub.watch(source) as viewer, ctx.sockets.counted(kind.value):
        status = partial(ctx.statuses.get, kind, id)
        follower = Follower(ctx.log, viewer, source, after, status=status, aborted=aborted, idle_s=min(POLL_S, ping_s))
        yield sse.preamble(retry_ms=RETRY_MS, id=after)
        written_s = time.monotonic()
        try:
            for message in follower.messages():
                if message is not None:
                    yield sse.event(message.text, type=message.type, id=message.event)
                    count(ctx, message)
                elif sockets.disconnected(request):
                    return
                elif time.monotonic() - written_s >= ping_s:
                    yield sse.COMMENT
                else:
                    continue
                written_s = time.monotonic()
        except RedisError as error:
            yield from _away(error)


def _away(error: Exception) -> Generator[str]:
    """End a stream with an error; its client reconnects."""
    yield f"retry: {RETRY_MS}\n" + sse.event(error_message(error), type="error")
