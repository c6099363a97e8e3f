"""The relay in comparison: a subscription per viewer, the way that most examples of Redis with WebSockets have it.

`gunicorn --worker-class gevent benchmarks.viewers.subscriptions:app`, with REDIS_URL.
"""

from __future__ import annotations

import os

from flask import Flask
from flask_sock import Sock
from simple_websocket import Server

from wire import keys
from wire.bus import connect

app = Flask("subscriptions", static_folder=None)
sock = Sock(app)


@app.get("/healthz")
def healthz() -> str:
    """Whether the process responds."""
    return "ok"


@sock.route("/stations/<id>/live")  # type: ignore[untyped-decorator]
def live(ws: Server, id: str) -> None:
    """Captions of a station."""
    with connect(os.environ["REDIS_URL"]) as client, client.pubsub() as subscription:
        subscription.subscribe(keys.live(f"stations/{id}"))
        for message in subscription.listen():
            if message["type"] == "message":
                ws.send(message["data"].decode())
