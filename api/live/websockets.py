"""The live WebSockets: `WS /stations/{id}/live`, and those of jobs and microphones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

from flask import Blueprint, g, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from api import microphone_captions
from api.context import Context, context
from api.http import access, sockets
from api.http.parameters import int_query
from api.http.problems import from_error
from api.live.follow import ABORTED, Follower, Outgoing
from api.live.viewer import Signal
from wire.bus import RedisError
from wire.messages import Kind, source_name

blueprint = Blueprint("live", __name__)
sock = Sock()

#: Longest message from a viewer, which has nothing to send; unfinished ones of thousands of viewers stay in memory.
VIEWER_MESSAGE_BYTES = 1024

_KINDS = {"live.station": Kind.STATION, "live.job": Kind.JOB, "live.microphone": Kind.MICROPHONE}


@blueprint.before_request
def admit() -> None:
    """Reject before the handshake, while an HTTP status can still be sent."""
    ctx = context()
    access.check_origin(ctx.settings, request, socket=True)
    kind = _KINDS[request.endpoint or ""]
    g.after, g.aborted = start_event(ctx, kind, (request.view_args or {})["id"], int_query("after", None))
    ctx.sockets.admit(request, ctx.settings.send_timeout_s)


@sock.route("/stations/<id>/live", bp=blueprint)  # type: ignore[untyped-decorator]
def station(ws: Server, id: str) -> None:
    """Captions of a station: those after `after`, or new ones."""
    serve(context(), ws, Kind.STATION, id, g.after, aborted=g.aborted)


@sock.route("/jobs/<id>/live", bp=blueprint)  # type: ignore[untyped-decorator]
def job(ws: Server, id: str) -> None:
    """Captions of an upload: those after `after`, or all."""
    serve(context(), ws, Kind.JOB, id, g.after, aborted=g.aborted)


@sock.route("/microphones/<id>/live", bp=blueprint)  # type: ignore[untyped-decorator]
def microphone(ws: Server, id: str) -> None:
    """Captions of a microphone, for viewers other than its speaker: those after `after`, or all."""
    serve(context(), ws, Kind.MICROPHONE, id, g.after, aborted=g.aborted)


def start_event(ctx: Context, kind: Kind, id: str, after: int | None) -> tuple[int, bool]:
    """The event after which a viewer starts, and whether the source has failed or was cancelled.

    Args:
        after: the last event that the viewer has seen; None: new captions of a station, all of any other source.

    Raises:
        UnknownSource: there is none with this id.
    """
    if kind is Kind.JOB:
        return after or 0, ctx.jobs.get(id).state in ABORTED
    if kind is Kind.MICROPHONE:
        return after or 0, microphone_captions.state(ctx, id) in ABORTED
    ctx.stations.get(id)
    # Read before the answer begins: captions committed from then on belong to the viewer.
    return ctx.log.progress(source_name(kind, id)).event if after is None else after, False


def serve(ctx: Context, ws: Server, kind: Kind, id: str, after: int, *, aborted: bool) -> None:
    """Send a source's status and captions until either side ends it."""
    source = source_name(kind, id)
    ws.max_message_size = min(ctx.settings.max_message_bytes, VIEWER_MESSAGE_BYTES)
    with ctx.hub.watch(source) as viewer, ctx.sockets.opened(kind.value, ws, lambda: viewer.signal(Signal.CLOSED)):
        try:
            status = partial(ctx.statuses.get, kind, id)
            messages = Follower(ctx.log, viewer, source, after, status=status, aborted=aborted).messages()
            relay(ctx, ws, messages, idle=lambda: sockets.discard_messages(ws))
            code = sockets.GOING_AWAY if ctx.hub.closing else sockets.NORMAL
        except RedisError as error:
            code = sockets.TRY_LATER
            send_error(ws, error)
        except (ConnectionClosed, OSError):
            return
        sockets.close(ws, code)


def relay(ctx: Context, ws: Server, messages: Iterator[Outgoing | None], idle: Callable[[], None]) -> None:
    """Send messages until there are no more.

    Raises:
        ConnectionClosed, OSError: the client is gone.
        RedisError: the log cannot be read.
    """
    for message in messages:
        idle()
        if message is None:
            continue
        ws.send(message.text)
        count(ctx, message)


def count(ctx: Context, message: Outgoing) -> None:
    """Count a message that was sent."""
    ctx.metrics.messages.inc()
    if message.captured_s:
        ctx.metrics.latency_s.observe(max(0.0, time.time() - message.captured_s))


def error_message(error: Exception) -> str:
    """An error as a message, with the fields of problem+json."""
    problem = from_error(error)
    return json.dumps({"type": "error", "status": problem.status, "detail": problem.detail}, ensure_ascii=False)


def send_error(ws: Server, error: Exception) -> None:
    """Send an error on a WebSocket."""
    try:
        ws.send(error_message(error))
    except (ConnectionClosed, OSError):
        return  # the client has disconnected
