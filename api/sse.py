"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): their format, and their answer.

The answer is written through WSGI's `write`, not handed to the server as an iterable: so we hear of a write that fails,
and may end one that takes too long, where gunicorn waits for ever and then logs a traceback.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.wsgi import ClosingIterator

from api import sockets

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MEDIA_TYPE = "text/event-stream"

#: What a proxy or a client ignores, and what shows that the connection lives.
COMMENT = ":\n\n"


def event(data: str, *, type: str = "", id: int | None = None) -> str:
    """One event.

    Args:
        data: one line.
        type: whose listeners hear it; empty is `message`.
        id: what the client sends as Last-Event-ID when it comes again; None leaves what it had.
    """
    head = "" if id is None else f"id: {id}\n"
    return f"{head}event: {type}\ndata: {data}\n\n" if type else f"{head}data: {data}\n\n"


def beginning(*, retry_ms: int, id: int) -> str:
    """What no listener hears: after which pause a client comes again, and its Last-Event-ID until an event has one."""
    return f"retry: {retry_ms}\nid: {id}\n\n"


class EventStream(Response):
    """An answer that goes on; its connection ends with it.

    Args:
        events: its text, piece by piece; closed when the client is gone. Begun in any case, but for HEAD.
        timeout_s: a client whose network takes nothing for so long is cut off.
    """

    automatically_set_content_length = False

    def __init__(self, events: Generator[str], timeout_s: float) -> None:
        super().__init__(events, mimetype=MEDIA_TYPE)
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"  # nginx would keep captions back
        self._timeout_s = timeout_s

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Write it all, within the request's context."""
        if environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        connection = sockets.Connection(environ, self._timeout_s)
        write = start_response(self.status, self.get_wsgi_headers(environ).to_wsgi_list())
        # WSGI lets no application say `Connection: close`, and gunicorn alone knows of what it hands out.
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
