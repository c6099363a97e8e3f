"""`WS /microphone`: audio in, its captions back on the same WebSocket.

The client sends a hello in JSON (`{"sample_rate": 48000, "language": "sv"}`, see `hello`), then PCM in binary messages.
`{"type": "stop"}` ends the recording; the server closes after the last captions. A connection that breaks, or that the
server closes because it stops, does not end the recording: another connection can resume it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from functools import partial

from flask import Blueprint, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from api import microphone_captions, on_air
from api.context import Context, context
from api.http import access, sockets
from api.http.parameters import json_object
from api.http.problems import Problem
from api.live.follow import Follower
from api.live.viewer import Signal
from api.live.websockets import relay, send_error
from api.microphones.hello import Greeting, parse_hello
from api.microphones.intake import Allowance, Intake
from wire.bus import RedisError
from wire.errors import BadRequest, UndertextError
from wire.messages import Kind, Status, source_name
from wire.microphone import Connection

blueprint = Blueprint("microphone", __name__)
sock = Sock()

#: The kind under which these sockets are counted; `Kind.MICROPHONE` counts viewers.
SPEAKERS = "speakers"

#: Time limits for a client's hello, and for the next audio after it, in seconds.
HELLO_S, SILENCE_S = 10.0, 60.0

#: Close codes of a client that is done. Not 1001: Firefox sends it when a page is reloaded, too.
FINAL_CODES = (sockets.NORMAL, sockets.NO_CODE)

#: Messages accepted after the hello.
ACCEPTED = 'after the hello only audio, {"type": "stop"} and {"type": "ping"} are understood'


@blueprint.before_request
def admit() -> None:
    """Reject before the handshake, while an HTTP status can still be sent."""
    ctx = context()
    access.check_origin(ctx.settings, request, socket=True)
    access.check_token(ctx.settings, request, socket=True)
    if ctx.sockets.count(SPEAKERS) >= ctx.settings.max_microphones:
        limit = ctx.settings.max_microphones
        raise Problem(503, f"{limit} microphones are open already (MAX_MICROPHONES).", {"Retry-After": "30"})
    ctx.redis.ping()
    ctx.sockets.admit(request, ctx.settings.send_timeout_s)


@sock.route("/microphone", bp=blueprint)  # type: ignore[untyped-decorator]
def microphone(ws: Server) -> None:
    """A recording, or one connection of it."""
    ctx = context()
    ws.close_reason = sockets.BROKEN  # simple-websocket does not tell a broken connection from a close without a code
    with ctx.sockets.opened(SPEAKERS, ws):
        try:
            _record(ctx, ws)
            code = sockets.GOING_AWAY if ctx.hub.closing else sockets.NORMAL
        except (UndertextError, Problem) as error:
            code = sockets.POLICY
            send_error(ws, error)
        except RedisError as error:
            code = sockets.TRY_LATER
            send_error(ws, error)
        except (ConnectionClosed, OSError):
            return
        sockets.close(ws, code)


def _record(ctx: Context, ws: Server) -> None:
    greeting = parse_hello(ws.receive(timeout=HELLO_S))
    hello = greeting.hello
    on_air.check(ctx.redis, hello.language, hello.task)
    source = source_name(Kind.MICROPHONE, hello.id)
    if greeting.resumes:
        connection = ctx.microphones.resume(hello, greeting.key, greeting.kept_from_s)
    else:
        ctx.statuses.save(Status(source, since_s=time.time()))  # from now on there is something to be fetched
        connection = ctx.microphones.open(hello, greeting.key)
    with ctx.hub.watch(source) as viewer:
        sockets.call_when_closed(ws, lambda: viewer.signal(Signal.CLOSED))
        status = partial(ctx.statuses.get, Kind.MICROPHONE, hello.id)
        follower = Follower(ctx.log, viewer, source, greeting.after, status=status)
        relaying = threading.Thread(target=_relay, args=(ctx, ws, follower), name=f"microphone-{hello.id}", daemon=True)
        ended = False
        try:
            urls = microphone_captions.urls(hello.id)
            fields = {"resume": greeting.resume, "audio_s": connection.audio_s, "urls": urls}
            ws.send(json.dumps({"type": "ready", "id": hello.id, "source": source, **fields}))
            relaying.start()
            _receive(ctx, ws, greeting, connection)
            ended = True
        except BadRequest:
            ended = True
            raise
        except ConnectionClosed as closed:
            ended = closed.reason in FINAL_CODES and not ctx.hub.closing
            raise
        finally:
            (ctx.microphones.close if ended else ctx.microphones.mark_disconnected)(hello.id, connection.number)
        relaying.join(ctx.settings.microphone_drain_s)


def _receive(ctx: Context, ws: Server, greeting: Greeting, connection: Connection) -> None:
    """Pass audio on until the client stops."""
    intake = Intake(ctx.microphones, greeting, connection)
    allowance = Allowance(ctx.settings.max_microphone_s, began_s=connection.began_s, heard_s=connection.audio_s)
    for audio in _audio(ws):
        audio_s = intake.seconds(audio)
        if allowance.wait_s(audio_s):
            raise BadRequest("audio arrives faster than real time; upload recordings to /jobs")
        allowance.spend(audio_s)
        intake.add(audio)
        intake.flush()
    intake.flush(0)


def _audio(ws: Server) -> Iterator[bytes]:
    """Yield audio until the client stops, and answer its other messages.

    Raises:
        ConnectionClosed: after all that has arrived, so that a broken connection is not taken for the end; `_relay`
            closes the socket of a source that has ended.
    """
    last_audio_s, noted = time.monotonic(), False
    while True:
        message = ws.receive(timeout=max(0.0, last_audio_s + SILENCE_S - time.monotonic()))
        if message is None:
            raise Problem(408, f"no audio arrived for {SILENCE_S:g} seconds")
        if not isinstance(message, str):
            last_audio_s = time.monotonic()
            yield message
            continue
        match _type(message):
            case "stop":
                return
            case "ping":
                ws.send(json.dumps({"type": "pong"}))
            case _ if not noted:  # from a client made for another server, or for a newer one
                noted = True
                ws.send(json.dumps({"type": "note", "detail": f"{message[:80]} is ignored; {ACCEPTED}"}))


def _type(message: str) -> str | None:
    """The type of a client's message; None if it has none.

    Raises:
        BadRequest: it is not a JSON object.
    """
    values = json_object(message)
    if values is None:
        raise BadRequest(ACCEPTED)
    return values.get("type")


def _relay(ctx: Context, ws: Server, follower: Follower) -> None:
    """Send captions back, on a separate thread."""
    code = sockets.NORMAL
    try:
        relay(ctx, ws, follower.messages(), idle=lambda: None)
    except RedisError as error:
        code = sockets.TRY_LATER
        send_error(ws, error)
    except (ConnectionClosed, OSError):
        return  # _receive sees it too
    # The source has ended, perhaps before the client stopped: closing the socket wakes _receive.
    sockets.close(ws, sockets.GOING_AWAY if ctx.hub.closing else code)
