"""`WS /v1/realtime`: the transcription part of OpenAI's Realtime API, for its clients.

A session is a sequence of turns. A turn is a recording like any microphone's, and lasts until it is committed, by the
client, or by the server if no more audio arrives; it is one item, whose text is sent as it is transcribed
(`stable`). If the session uses turn detection, each caption is an item, and the recording continues.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from api import on_air
from api.context import Context, context
from api.http import sockets
from api.http.parameters import NAME_LIMIT, json_object
from api.http.problems import Problem
from api.microphones import websocket as microphone
from api.microphones.intake import Allowance
from api.openai.realtime.client import Client
from api.openai.realtime.session import Session
from api.openai.realtime.turn import BUFFER, Turn
from api.openai.transcriptions import PREFIX
from wire.bus import RedisError
from wire.errors import BadRequest, UndertextError

blueprint = Blueprint("realtime", __name__, url_prefix=PREFIX)
blueprint.before_request(microphone.admit)
sock = Sock()

#: Subprotocol that browser clients, which cannot send headers, name beside their token.
SUBPROTOCOL = "realtime"

#: Turns of a session that may wait for their last captions; while there are more, no audio is read.
MAX_WAITING = 8

#: How often a session checks whether the server is stopping, in seconds.
POLL_S = 1.0

#: A session without events for this long is closed, since it occupies one of MAX_MICROPHONES, in seconds.
IDLE_S = 600.0


@sock.route("/realtime", bp=blueprint)  # type: ignore[untyped-decorator]
def realtime(ws: Server) -> None:
    """One session."""
    ctx = context()
    client = Client(ctx, ws)
    with ctx.sockets.opened(microphone.SPEAKERS, ws):
        try:
            _Handler(ctx, ws, client).run()
            code = sockets.GOING_AWAY
        except (UndertextError, Problem) as error:
            code = sockets.POLICY
            client.send_error(error)
        except RedisError as error:
            code = sockets.TRY_LATER
            client.send_error(error)
        except (ConnectionClosed, OSError):
            return
        sockets.close(ws, code)


class _Handler:
    """Handles the events of a client."""

    def __init__(self, ctx: Context, ws: Server, client: Client) -> None:
        self._ctx = ctx
        self._ws = ws
        self._client = client
        model = request.args.get("model") or next(iter(on_air.models(ctx.redis)), "")
        self._session = Session(f"sess_{secrets.token_hex(8)}", model[:NAME_LIMIT])
        self._allowance = Allowance(ctx.settings.max_microphone_s, began_s=time.time())
        self._turn: Turn | None = None
        self._waiting: list[Turn] = []

    def run(self) -> None:
        """Run until the server stops, or the session is idle.

        Raises:
            ConnectionClosed: the client has disconnected.
            BadRequest, Problem: its audio is invalid.
        """
        self._client.send("session.created", session=self._session.shape())
        try:
            for event in self._events():
                audio = b""
                try:
                    audio = self._handle(event)
                except BadRequest as error:
                    self._client.send_error(error, event.get("event_id"))
                if audio:
                    self._add_audio(audio)
        finally:
            for turn in filter(None, (*self._waiting, self._turn)):
                turn.discard()

    def _events(self) -> Iterator[dict[str, Any]]:
        """Yield events as they arrive. A turn without audio for long is ended, since ingest would drop it.

        An idle session ends later, as OpenAI's do after an hour, but never before its captions are sent.
        """
        last_event_s = time.monotonic()
        while not self._ctx.hub.closing:
            message = self._ws.receive(timeout=POLL_S)
            if self._turn and time.monotonic() - self._turn.last_audio_s > microphone.SILENCE_S:
                self._turn.end()
                self._await_captions(self._turn)
            if message is not None:
                yield json_object(message) or {}
                last_event_s = time.monotonic()  # after the wait that the event may have caused
            elif (
                time.monotonic() - last_event_s > IDLE_S
                and not self._turn
                and not any(t.pending for t in self._waiting)
            ):
                self._client.send_error(Problem(408, f"no event arrived for {IDLE_S:g} seconds; reconnect to continue"))
                return

    def _handle(self, event: dict[str, Any]) -> bytes:
        """Handle an event; return its audio, if any.

        Raises:
            BadRequest: it is invalid.
        """
        match event.get("type"):
            case "input_audio_buffer.append":
                return _decode(event.get("audio"))
            case "input_audio_buffer.commit":
                if self._turn is None:
                    raise BadRequest("no audio has arrived since the last commit", BUFFER)
                self._turn.commit(event.get("event_id"))
                self._await_captions(self._turn)
            case "input_audio_buffer.clear":
                if self._turn:
                    self._turn.discard()
                    self._await_captions(self._turn)
                self._client.send("input_audio_buffer.cleared")
            case "session.update":
                session = self._session.updated(event)
                on_air.check(self._ctx.redis, session.language, None)
                if self._turn and session != self._session:
                    self._turn.end()
                    self._await_captions(self._turn)
                self._session = session
                self._client.send("session.updated", session=session.shape())
            case type:
                named = "this" if type is None else str(type)[:NAME_LIMIT]
                raise BadRequest(
                    f"{named} is not an event of transcription: send session.update, and "
                    "input_audio_buffer.append, .commit and .clear, as JSON"
                )
        return b""

    def _add_audio(self, audio: bytes) -> None:
        """Pass audio on, at most at the speed of speech: until it may be sent, nothing more is read."""
        if self._turn and not self._turn.pending:  # its recording ended elsewhere; the client has been told
            self._turn.discard()
            self._turn = None
        if self._turn is None:
            self._allowance.restart()
            self._turn = Turn(self._ctx, self._session, self._client)
        audio_s = self._turn.seconds(audio)
        while (wait_s := self._allowance.wait_s(audio_s)) and self._client.connected:
            self._client.pause(min(wait_s, POLL_S))
        self._allowance.spend(audio_s)
        self._turn.add(audio)

    def _await_captions(self, turn: Turn) -> None:
        """Let an ended turn wait for its captions; while too many do, nothing more is read."""
        self._turn = None
        self._waiting.append(turn)
        while len(self._waiting) >= MAX_WAITING and self._client.connected:
            self._client.pause(POLL_S / 10)
            self._waiting = [turn for turn in self._waiting if turn.pending]


def _decode(audio: object) -> bytes:
    try:
        return base64.b64decode(audio, validate=True)  # type: ignore[arg-type]
    except (TypeError, ValueError, binascii.Error):
        raise BadRequest("audio must be base64-encoded samples", "audio") from None
