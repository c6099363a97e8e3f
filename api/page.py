"""The page: static files of `frontend/`, and `/about`, which reports this server's limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, request, send_from_directory
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing.exceptions import WebsocketMismatch

from api.context import context
from api.on_air import abilities

blueprint = Blueprint("page", __name__)

#: Audio may come from any station; everything else from here.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob: http: https:; worker-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: The one page that other sites may embed: it shows captions, which are public, and has nothing to click.
#: OBS adds a style element of its user's.
OVERLAY = "overlay.html"
_OVERLAYS_POLICY = CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "frame-ancestors 'none'", "frame-ancestors *"
)

_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css"}


@blueprint.get("/about")
def about() -> dict[str, Any]:
    """The limits and abilities of this server; those of its transcribers may be a second old: every open page polls."""
    ctx = context()
    return {
        "name": "Undertext",
        "max_upload_bytes": ctx.settings.max_upload_bytes,
        "max_microphone_s": ctx.settings.max_microphone_s,
        "token_needed": bool(ctx.settings.api_token),
        **ctx.cache.get("about", lambda: abilities(ctx.redis)),
    }


@blueprint.get("/")
def index() -> Response:
    """The page itself."""
    return static("index.html")


@blueprint.get("/<path:path>")
def static(path: str) -> Response:
    """A static file; browsers revalidate it on each use."""
    if _is_socket():
        raise WebsocketMismatch
    if methods := _other_methods():
        raise MethodNotAllowed(methods)
    folder = context().settings.frontend_dir
    if not folder or any(part.startswith(".") for part in Path(path).parts):
        raise NotFound
    answer = send_from_directory(folder, path, max_age=0, mimetype=_TYPES.get(Path(path).suffix))
    if path == OVERLAY:
        answer.headers["Content-Security-Policy"] = _OVERLAYS_POLICY
    return answer


def _is_socket() -> bool:
    """Return True if the path is a WebSocket's, and the client has not requested an upgrade."""
    adapter = current_app.create_url_adapter(request)
    try:
        return adapter is not None and bool(adapter.match(websocket=True))
    except HTTPException:
        return False


def _other_methods() -> list[str]:
    """The methods of a path that the API serves with methods other than GET; empty for any other path."""
    adapter = current_app.create_url_adapter(request)
    methods = set(adapter.allowed_methods() if adapter else ()) - {"GET", "HEAD"}
    return sorted(methods) if methods > {"OPTIONS"} else []


def harden(answer: Response) -> Response:
    """Add the headers that every response has."""
    answer.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "no-referrer")
    answer.headers.setdefault("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
    answer.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    answer.headers.setdefault("Cache-Control", "no-cache")
    return answer
