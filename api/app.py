"""The Flask app: its routes, and the checks and headers that apply to all of them."""

from __future__ import annotations

import re

from flask import Flask, Response, request

from api import (
    audio,
    context,
    corrections,
    feed,
    health,
    hls,
    jobs,
    metrics,
    microphone_captions,
    openapi,
    page,
    search,
    stations,
)
from api.http import access, problems, sockets
from api.http.parameters import IntConverter
from api.http.problems import Problem
from api.http.rejected_bodies import discard_rejected_body
from api.live import events, websockets
from api.microphones import websocket as microphone
from api.openai import shapes, transcriptions
from api.openai.realtime import websocket as realtime
from api.settings import Settings
from api.uploads import UploadRequest

#: Bodies other than uploads, in bytes.
MAX_JSON_BYTES = 64 * 1024

#: A client that sends nothing of a request body for this long is considered gone, in seconds.
BODY_SILENCE_S = 120.0

#: A client that takes nothing of an answer for this long is disconnected, in seconds.
ANSWER_STALL_S = 120.0

#: `Range` headers that are honoured. RFC 9110 section 14.2 requires other units to be ignored and permits ignoring
#: several ranges; Werkzeug would reject both.
_RANGE = re.compile("bytes=[^,]*", re.IGNORECASE)


def create_app(settings: Settings) -> Flask:
    """Create the app. It connects to nothing yet; the process that serves it starts the hub."""
    app = Flask("api", static_folder=None)
    app.request_class = UploadRequest
    app.url_map.converters["int"] = IntConverter
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_JSON_BYTES,
        SOCK_SERVER_OPTIONS={
            "ping_interval": settings.ping_interval_s,
            "max_message_size": settings.max_message_bytes,
            "receive_bytes": 16 * 1024,
            "subprotocols": [realtime.SUBPROTOCOL],
        },
    )
    app.extensions["undertext"] = context.build(settings)
    metrics.register(app)

    @app.before_request
    def guard() -> Response | None:
        sockets.cut_when_stalled(request.environ, ANSWER_STALL_S)
        access.check_host(settings, request)
        access.check_origin(settings, request)
        if not _RANGE.fullmatch(request.headers.get("Range", "")):
            request.environ.pop("HTTP_RANGE", None)
        if request.method not in access.SAFE:
            access.check_token(settings, request)
            sockets.set_timeout(request.environ, BODY_SILENCE_S)
            if request.content_encoding not in (None, "identity"):
                raise Problem(415, "Send the body without Content-Encoding.", {"Accept-Encoding": "identity"})
        return None

    @app.after_request
    def finish(answer: Response) -> Response:
        access.allow_cross_origin(settings, request, answer)
        return discard_rejected_body(request, page.harden(answer))

    problems.register(app, {transcriptions.PREFIX: shapes.response})
    for topic in (
        *(stations, audio, hls, jobs, corrections, websockets, events),
        *(microphone, microphone_captions, realtime, search, feed, transcriptions),
        *(metrics, health, openapi, page),
    ):
        app.register_blueprint(topic.blueprint)
    return app
