"""`WS /microphone`: audio in, its captions back on the same socket.

The client says hello in JSON (`{"sample_rate": 48000, "language": "sv"}`, see `hello`), then sends PCM in binary
messages. `{"type": "stop"}` ends the recording; the server closes when its last captions have gone out.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator

from flask import Blueprint, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from api import access, on_air, recordings, sockets
from api.context import Context, context
from api.follow import Follower
from api.hello import parse_hello
from api.live import complain, relay
from api.problems import Problem
from api.sample_format import Opening, SampleFormat
from api.viewer import Signal, Viewer
from wire.bus import RedisError
from wire.errors import BadRequest
from wire.messages import Kind, Status, source_name
from wire.microphone import Hello

blueprint = Blueprint("microphone", __name__)
sock = Sock()

KIND = Kind.MICROPHONE.value

#: A client that opens a socket says hello within so many seconds, and is never silent for so long.
HELLO_S, SILENCE_S = 10.0, 60.0

#: Audio may come this much faster than it is spoken, after a first burst of so many seconds.
SPEED, BURST_S = 1.5, 30.0

#: What a client may say behind its hello.
UNDERSTOOD = 'after the hello only audio, {"type": "stop"} and {"type": "ping"} are understood'

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
    hello, format = parse_hello(ws.receive(timeout=HELLO_S), id)
    on_air.check(ctx.redis, hello.language, hello.task)
    ctx.statuses.save(Status(viewer.source, since_s=time.time()))  # from now on there is something to be fetched
    relaying = threading.Thread(target=_relay, args=(ctx, ws, viewer, id), name=f"microphone-{id}", daemon=True)
    ctx.microphones.open(hello)
    try:
        ws.send(json.dumps({"type": "ready", "id": id, "source": viewer.source, "urls": recordings.urls(id)}))
        relaying.start()
        _listen(ctx, ws, hello, format, relaying)
    finally:
        ctx.microphones.close(id)
    relaying.join(ctx.settings.microphone_drain_s)


def _listen(ctx: Context, ws: Server, hello: Hello, format: SampleFormat, relaying: threading.Thread) -> None:
    """Hand audio on until the client stops, or the source has ended."""
    frame_bytes = format.sample_bytes * hello.channels
    rate = hello.sample_rate * frame_bytes  # bytes a second
    opening = Opening(format, rate)
    begun_s, received, pending = time.monotonic(), 0, bytearray()
    for message in _audio(ws, relaying):
        received += len(message)
        if received > rate * (SPEED * (time.monotonic() - begun_s) + BURST_S):
            raise BadRequest("audio comes faster than it can have been spoken; upload recordings to /jobs")
        if received > rate * ctx.settings.max_microphone_s:
            raise BadRequest(f"a recording may last {ctx.settings.max_microphone_s} seconds (MAX_MICROPHONE_S)")
        opening.hear(message)
        pending += message
        whole = len(pending) - len(pending) % frame_bytes
        if whole >= rate * FRAME_S:
            ctx.microphones.send(hello.id, format.to_s16le(bytes(pending[:whole])))
            del pending[:whole]
    whole = len(pending) - len(pending) % frame_bytes
    if whole:
        ctx.microphones.send(hello.id, format.to_s16le(bytes(pending[:whole])))


def _audio(ws: Server, relaying: threading.Thread) -> Iterator[bytes]:
    """Audio as it comes, until the client stops, or the source has ended. What else a client says is answered here."""
    heard_s, noted = time.monotonic(), False
    while relaying.is_alive():
        message = ws.receive(timeout=max(0.0, heard_s + SILENCE_S - time.monotonic()))
        if message is None:
            raise BadRequest(f"no audio came for {SILENCE_S:g} seconds")
        if not isinstance(message, str):
            heard_s = time.monotonic()
            yield message
            continue
        match _type(message):
            case "stop":
                return
            case "ping":
                ws.send(json.dumps({"type": "pong"}))
            case _ if not noted:  # of a client that knows other servers, or a newer one
                noted = True
                ws.send(json.dumps({"type": "note", "detail": f"{message[:80]} is ignored; {UNDERSTOOD}"}))


def _type(message: str) -> str | None:
    """The type of what a client says; None, if it has none.

    Raises:
        BadRequest: it is no JSON object.
    """
    try:
        values = json.loads(message)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise BadRequest(UNDERSTOOD)
    return values.get("type")


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
