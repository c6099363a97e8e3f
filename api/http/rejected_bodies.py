"""Rejects an upload in such a way that its sender receives the answer.

Closing a connection that has unread data makes the kernel send a reset, which can destroy the answer before the client
has read it. So, after the answer is sent, what still arrives is read and discarded for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Request, Response

from api.http.access import SAFE
from api.http.sockets import set_timeout

#: Limits of what is discarded.
LINGER_S = 5.0
LINGER_BYTES = 256 * 1024 * 1024


def discard_rejected_body(request: Request, answer: Response) -> Response:
    """Make the answer to a rejected request with a body discard the rest of that body.

    Afterwards the connection has no timeout again: the next answer may be large, and its reader slow.
    """
    environ = request.environ
    if request.method in SAFE:
        return answer
    if answer.status_code < 400 or environ.get("CONTENT_LENGTH") == "0":
        set_timeout(environ, None)
        return answer
    set_timeout(environ, LINGER_S)

    def linger() -> None:
        discard(environ["wsgi.input"].read, time.monotonic)
        set_timeout(environ, None)

    answer.call_on_close(linger)
    return answer


def discard(read: Callable[[int], bytes], clock: Callable[[], float]) -> int:
    """Read to the end, or up to a limit; return the number of bytes."""
    until_s, count = clock() + LINGER_S, 0
    try:
        while count < LINGER_BYTES and clock() < until_s and (data := read(64 * 1024)):
            count += len(data)
    except OSError:
        return count  # the client has disconnected
    return count
