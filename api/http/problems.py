"""Errors as `application/problem+json` (RFC 9457). Domain errors become HTTP statuses here and nowhere else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping

from flask import Flask, Response, current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing.exceptions import RequestRedirect, WebsocketMismatch

from wire.bus import UNAVAILABLE, RedisError
from wire.errors import BadRequest, DecodeError, QueueFull, UndertextError, UnknownSource

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

#: Statuses of domain errors; the first matching class counts.
_STATUSES: tuple[tuple[type[UndertextError], int], ...] = (
    (UnknownSource, 404),
    (BadRequest, 422),
    (QueueFull, 429),
    (DecodeError, 500),
)

_TITLES = {413: "Request too large", 422: "Unprocessable request", 426: "WebSocket required", 429: "Too many at once"}

_DETAILS = {
    404: "There is nothing at {path}; /openapi.json lists all paths.",
    405: "{path} does not support {method}.",
    426: "{path} is a WebSocket: send Upgrade: websocket and Connection: Upgrade, which a proxy must forward.",
    500: "Internal error; see the server's log.",
}


class Problem(Exception):
    """An error response, raised by a route.

    Attributes:
        status: the HTTP status.
        detail: what is wrong and how to fix it, suitable for users.
        headers: further headers, such as Retry-After.
        field: the invalid field of the request; empty if there is none, or several.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.field = field


def redis_unavailable(error: RedisError) -> Problem:
    """The problem to report when Redis does not answer."""
    log.warning("Redis does not answer: %s", error)
    return Problem(503, "Redis does not answer. Is it running where REDIS_URL says?", {"Retry-After": "2"})


def from_error(error: Exception) -> Problem:
    """The problem that an error is reported as."""
    if isinstance(error, Problem):
        return error
    for cls, status in _STATUSES:
        if isinstance(error, cls):
            field = error.field if isinstance(error, BadRequest) else ""
            return Problem(status, str(error), {"Retry-After": "10"} if status == 429 else None, field)
    if isinstance(error, UNAVAILABLE):
        return redis_unavailable(error)
    if isinstance(error, (ClientDisconnected, ParseException)):
        return Problem(400, "The request's body is incomplete, or its chunks are malformed: send it again.")
    if isinstance(error, RequestEntityTooLarge):
        return Problem(413, _too_large())
    if isinstance(error, WebsocketMismatch) and _asks_for_socket():
        return Problem(404, f"There is no WebSocket at {request.path}.")
    if isinstance(error, WebsocketMismatch):
        return Problem(426, _DETAILS[426].format(path=request.path), {"Upgrade": "websocket", "Connection": "Upgrade"})
    if isinstance(error, HTTPException) and error.code:
        detail = _DETAILS.get(error.code, error.description or "").format(path=request.path, method=request.method)
        headers = dict(error.get_headers())  # such as Allow, or Content-Range of a 416
        del headers["Content-Type"]
        return Problem(error.code, detail, headers)
    return Problem(500, _DETAILS[500])


def _asks_for_socket() -> bool:
    """Return True if a request is for a WebSocket, as routing sees it."""
    adapter = current_app.create_url_adapter(request)
    return adapter is not None and adapter.websocket


def _too_large() -> str:
    """Name the limit that a request's body exceeds."""
    limit = request.max_content_length or 0
    if limit == current_app.config["MAX_CONTENT_LENGTH"]:
        return f"The request has more than {limit} bytes; send a recording to /jobs, as the form field `file`."
    if request.content_length is None or request.content_length > limit:
        return "The file is larger than this server takes (MAX_UPLOAD_BYTES)."
    return (
        f"The form has more than {request.max_form_parts} fields, or more than {request.max_form_memory_size} bytes in "
        "them; send the recording as a file, `file`."
    )


def response(problem: Problem) -> Response:
    """A problem as a response."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(problem.status) or HTTP_STATUS_CODES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
        **({"field": problem.field} if problem.field else {}),
    }
    # A field's name may contain a lone surrogate, which UTF-8 cannot encode; JSON's escape is the same as Python's.
    text = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
    answer = Response(text + b"\n", problem.status, mimetype=MEDIA_TYPE)
    answer.headers.update(problem.headers)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def register(app: Flask, shapes: Mapping[str, Callable[[Problem], Response]]) -> None:
    """Report every error of `app` as a problem.

    Args:
        shapes: other error formats, by path prefix; a blueprint's own handlers would not see errors for unknown paths
            and methods.
    """

    def answer(error: Exception) -> Response | RequestRedirect:
        if isinstance(error, RequestRedirect):
            return error
        problem = from_error(error)
        if problem.status == 500:
            log.error("%s %s failed", request.method, request.path, exc_info=error)
        for prefix, shape in shapes.items():
            if f"{request.path}/".startswith(f"{prefix}/"):
                return shape(problem)
        return response(problem)

    app.register_error_handler(Exception, answer)
