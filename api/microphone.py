"""`WS /microphone`: audio in, its captions back on the same socket.

The client says hello in JSON (`{"sample_rate": 48000, "language": "sv"}`), then sends s16le PCM in binary messages,
mono unless the hello has `channels`. `{"type": "stop"}` ends the recording; the server closes when its last captions
have gone out.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from typing import Any

from flask import Blueprint, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from api import access, recordings, sockets
from api.context import Context, context
from api.follow import Follower
from api.live import complain, relay
from api.on_air import known_language, known_task
from api.parameters import language, task
from api.problems import Problem
from api.viewer import Signal, Viewer
from wire.audio import SAMPLE_BYTES
from wire.bus import RedisError
from wire.errors import BadRequest
from wire.messages import Kind, Status, source_name
from wire.microphone import Hello

blueprint = Blueprint("microphone", __name__)
sock = Sock()

KIND = Kind.MICROPHONE.value

#: Rates that sound cards have, in Hz.
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000

#: Interleaved channels that ingest mixes down.
MAX_CHANNELS = 8

#: A client that opens a socket says hello within so many seconds, and is never silent for so long.
HELLO_S, SILENCE_S = 10.0, 60.0

#: Audio may come this much faster than it is spoken, after a first burst of so many seconds.
SPEED, BURST_S = 1.5, 30.0

#: Audio handed on at once, in seconds; smaller messages are gathered.
FRAME_S = 0.1


@blueprint.before_request
def admit() -> None:
    """Refuse before the handshake, when an HTTP status can still be given."""
    ctx = context()
    access.check_origin(ctx.settings, request, socket=True)
    access.check_token(ctx.settings, request, socket=True)
    if ctx.sockets.count(KIND) >= ctx.settings.max_microphones:
        limit = ctx.settings.max_microphones
        raise Problem(503, f"{limit} microphones are open already (MAX_MICROPHONES).", {"Retry-After": "30"})
    ctx.redis.ping()
    ctx.sockets.admit(request, ctx.settings.send_timeout_s)


@sock.route("/microphone", bp=blueprint)  # type: ignore[untyped-decorator]
def microphone(ws: Server) -> None:
    """One recording."""
    ctx = context()
    id = secrets.token_hex(8)
    with (
        ctx.hub.watch(source_name(Kind.MICROPHONE, id)) as viewer,
        ctx.sockets.opened(KIND, ws, lambda: viewer.signal(Signal.CLOSED)),
    ):
        code = sockets.NORMAL
        try:
            _record(ctx, ws, id, viewer)
            code = sockets.GOING_AWAY if ctx.hub.closing else code
        except (BadRequest, Problem) as error:
            code = sockets.POLICY
            complain(ws, error)
        except RedisError as error:
            code = sockets.TRY_LATER
            complain(ws, error)
        except (ConnectionClosed, OSError):
            return
        sockets.close(ws, code)


def _record(ctx: Context, ws: Server, id: str, viewer: Viewer) -> None:
    hello = parse_hello(ws.receive(timeout=HELLO_S), id)
    known_language(hello.language, ctx.redis)
    known_task(hello.task, ctx.redis)
    ctx.statuses.save(Status(viewer.source, since_s=time.time()))  # from now on there is something to be fetched
    relaying = threading.Thread(target=_relay, args=(ctx, ws, viewer, id), name=f"microphone-{id}", daemon=True)
    ctx.microphones.open(hello)
    try:
        ws.send(json.dumps({"type": "ready", "id": id, "source": viewer.source, "urls": recordings.urls(id)}))
        relaying.start()
        _listen(ctx, ws, hello, relaying)
    finally:
        ctx.microphones.close(id)
    relaying.join(ctx.settings.microphone_drain_s)


def parse_hello(message: str | bytes | None, id: str) -> Hello:
    """The first message of a client.

    Raises:
        BadRequest: it is missing, or no hello.
    """
    try:
        values: Any = json.loads(message) if isinstance(message, str) else None
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise BadRequest('the first message must be JSON such as {"sample_rate": 48000, "language": "sv"}')
    rate = values.get("sample_rate")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise BadRequest(f"sample_rate must be from {MIN_RATE_HZ} to {MAX_RATE_HZ}")
    code, what = values.get("language"), values.get("task")
    if code is not None and not isinstance(code, str):
        raise BadRequest("language must be a code such as sv")
    if what is not None and not isinstance(what, str):
        raise BadRequest("task must be transcribe or translate")
    channels = values.get("channels", 1)
    if isinstance(channels, bool) or not isinstance(channels, int) or not 1 <= channels <= MAX_CHANNELS:
        raise BadRequest(f"channels must be from 1 to {MAX_CHANNELS}")
    return Hello(id, round(rate), language(code or ""), channels, task(what or ""))


def _listen(ctx: Context, ws: Server, hello: Hello, relaying: threading.Thread) -> None:
    """Hand audio on until the client stops, or the source has ended."""
    frame_bytes = SAMPLE_BYTES * hello.channels
    rate = hello.sample_rate * frame_bytes  # bytes a second
    begun_s, received, pending = time.monotonic(), 0, b""
    while relaying.is_alive():
        message = ws.receive(timeout=SILENCE_S)
        if message is None:
            raise BadRequest(f"no audio came for {SILENCE_S:g} seconds")
        if isinstance(message, str):
            if _is_stop(message):
                break
            raise BadRequest('after the hello only audio and {"type": "stop"} are understood')
        received += len(message)
        if received > rate * (SPEED * (time.monotonic() - begun_s) + BURST_S):
            raise BadRequest("audio comes faster than it can have been spoken; upload recordings to /jobs")
        if received > rate * ctx.settings.max_microphone_s:
            raise BadRequest(f"a recording may last {ctx.settings.max_microphone_s} seconds (MAX_MICROPHONE_S)")
        pending += message
        whole = len(pending) - len(pending) % frame_bytes
        if whole >= rate * FRAME_S:
            ctx.microphones.send(hello.id, pending[:whole])
            pending = pending[whole:]
    whole = len(pending) - len(pending) % frame_bytes
    if whole:
        ctx.microphones.send(hello.id, pending[:whole])


def _is_stop(message: str) -> bool:
    try:
        return bool(json.loads(message)["type"] == "stop")
    except (ValueError, TypeError, KeyError):
        return False


def _relay(ctx: Context, ws: Server, viewer: Viewer, id: str) -> None:
    """Send captions back, on a thread of its own."""
    follower = Follower(ctx.log, viewer, viewer.source, 0, status=lambda: ctx.statuses.get(Kind.MICROPHONE, id))
    try:
        relay(ctx, ws, follower.messages(), idle=lambda: None)
    except RedisError as error:
        complain(ws, error)
    except (ConnectionClosed, OSError):
        return  # _listen sees it too
    # The source has ended, perhaps before the client said so: that it closes wakes _listen.
    sockets.close(ws, sockets.GOING_AWAY if ctx.hub.closing else sockets.NORMAL)
