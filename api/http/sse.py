"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): their format and response.

The response is written through WSGI's `write`, not returned to the server as an iterable: so failed writes are visible,
and can time out, where gunicorn would wait forever and then log a traceback.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.wsgi import ClosingIterator

from api.http import sockets

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MEDIA_TYPE = "text/event-stream"

#: Ignored by proxies and clients; shows that the connection is alive.
COMMENT = ":\n\n"


def event(data: str, *, type: str = "", id: int | None = None) -> str:
    """One event.

    Args:
        data: one line.
        type: the event type to listen for; empty is `message`.
        id: what the client sends as Last-Event-ID when it reconnects; None leaves it unchanged.
    """
    head = "" if id is None else f"id: {id}\n"
    return f"{head}event: {type}\ndata: {data}\n\n" if type else f"{head}data: {data}\n\n"


def preamble(*, retry_ms: int, id: int) -> str:
    """The first lines, which fire no event: the reconnection delay, and the initial Last-Event-ID."""
    return f"retry: {retry_ms}\nid: {id}\n\n"


class EventStream(Response):
    """An endless response; its connection ends with it.

    Args:
        events: its text, piece by piece; closed when the client disconnects. Always started, except for HEAD.
        timeout_s: a client whose connection accepts no data for this long is disconnected.
    """

    automatically_set_content_length = False

    def __init__(self, events: Generator[str], timeout_s: float) -> None:
        super().__init__(events, mimetype=MEDIA_TYPE)
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"  # nginx would buffer captions
        self._timeout_s = timeout_s

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Write the response within the request's context."""
        if environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        connection = sockets.Connection(environ, self._timeout_s)
        write = start_response(self.status, self.get_wsgi_headers(environ).to_wsgi_list())
        # WSGI does not let an application send `Connection: close`, and only gunicorn knows about its connections.
        if force_close := getattr(getattr(write, "__self__", None), "force_close", None):
            force_close()
        try:
            for data in self.iter_encoded():
                try:
                    write(data)
                except OSError:
                    connection.cut()
                    break
        finally:
            self.close()
        return ClosingIterator((), [connection.end])
