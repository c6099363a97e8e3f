"""Access checks: the API token, the Host header, and the origin of a browser's request.

A service on loopback can be reached by every page that the user's browser shows. A page of another origin may
neither change anything nor open a socket (browsers apply no same-origin policy to WebSockets), unless ALLOWED_ORIGINS
lists it. On loopback the Host header must name loopback too; otherwise a name that resolves to 127.0.0.1 (DNS
rebinding) would pass, and its page could read everything.
"""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from flask import Request, Response

from api.http.parameters import mask_password
from api.http.problems import Problem
from api.settings import Settings

#: Methods that change nothing (RFC 9110, 9.2.1) and whose requests have no body.
SAFE = ("GET", "HEAD", "OPTIONS")

#: Prefix of the token among the subprotocols that a WebSocket client offers.
_TOKEN_PREFIX = "openai-insecure-api-key."


def check_token(settings: Settings, request: Request, *, socket: bool = False) -> None:
    """Raise unless the request has the token or none is required.

    Raises:
        Problem: 401.
    """
    if not authorized(settings, request, socket=socket):
        token = _token_of(request, socket=socket)
        how = "?token=TOKEN or Authorization: Bearer TOKEN" if socket else "Authorization: Bearer TOKEN"
        wrong = "The token is wrong" if token else "A token is required"
        raise Problem(
            401, f"{wrong}: send {how} with the server's API_TOKEN.", {"WWW-Authenticate": 'Bearer realm="undertext"'}
        )


def authorized(settings: Settings, request: Request, *, socket: bool = False) -> bool:
    """Return True if a request has the token, or no token is required."""
    return not settings.api_token or has_token(settings, request, socket=socket)


def has_token(settings: Settings, request: Request, *, socket: bool = False) -> bool:
    """Return True if a request has the token; False if the server has none."""
    token = _token_of(request, socket=socket)
    return bool(settings.api_token) and hmac.compare_digest(token.encode(), settings.api_token.encode())


def _token_of(request: Request, *, socket: bool) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        # A browser's WebSocket cannot send headers.
        token = request.args.get("token", "") or _token_of_subprotocol(request) if socket else ""
    return token.strip()


def _token_of_subprotocol(request: Request) -> str:
    """The token that OpenAI's client sends from a browser."""
    offered = map(str.strip, request.headers.get("Sec-WebSocket-Protocol", "").split(","))
    return next((name.removeprefix(_TOKEN_PREFIX) for name in offered if name.startswith(_TOKEN_PREFIX)), "")


def check_audio_access(settings: Settings, request: Request, url: str) -> None:
    """Require the token for the audio of a station whose URL holds a password: the password makes the station private.

    Raises:
        Problem: 401.
    """
    if mask_password(url) != url:
        check_token(settings, request)


def visible_url(settings: Settings, request: Request, url: str) -> str:
    """The URL of a station as this client may see it: its password only with the token.

    Without API_TOKEN the password is always masked: clients need not read it in order to use it.
    """
    return url if has_token(settings, request) else mask_password(url)


def server_url(settings: Settings, request: Request) -> str:
    """The server's address as the client sees it; from ALLOWED_ORIGINS if listed: a TLS proxy hides the scheme."""
    host = request.host.lower()
    return next(
        (origin for origin in settings.origins if urlsplit(origin).netloc == host), f"{request.scheme}://{host}"
    )


def check_host(settings: Settings, request: Request) -> None:
    """Reject a request for a foreign host name that resolves to 127.0.0.1: its page could read everything.

    Raises:
        Problem: 421.
    """
    if not is_loopback(settings.host) and not settings.hosts:
        return
    host = urlsplit(f"//{request.host.lower()}").netloc
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    allowed = settings.hosts | {urlsplit(origin).netloc for origin in settings.origins}
    if not is_loopback(name) and not allowed & {host, name}:
        refused = f"for {host}" if host else "with this Host header"  # which is not a host name
        remedy = "Add the host name to ALLOWED_HOSTS, or its origin to ALLOWED_ORIGINS."
        raise Problem(421, f"This server does not answer requests {refused}. {remedy}")


def check_origin(settings: Settings, request: Request, *, socket: bool = False) -> None:
    """Reject a browser's request from a page of another origin.

    Raises:
        Problem: 403.
    """
    if request.method in SAFE and not socket:
        return
    origin = request.headers.get("Origin", "").lower()
    if origin in settings.origins:
        return
    if origin and not _same_origin(settings, origin, request.host.lower()):
        raise Problem(403, f"Pages of {origin} are not allowed to do this; add that origin to ALLOWED_ORIGINS.")
    if not origin and request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Problem(403, "Pages of other sites are not allowed to do this; add their origin to ALLOWED_ORIGINS.")


def allow_cross_origin(settings: Settings, request: Request, answer: Response) -> None:
    """Add CORS headers for an origin in ALLOWED_ORIGINS."""
    if not settings.origins:
        return
    answer.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if origin.lower() in settings.origins:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = "Location, Link, Retry-After, Captions-Complete"
        if request.method == "OPTIONS":
            answer.headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE"
            answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Last-Event-ID"
            answer.headers["Access-Control-Max-Age"] = "600"


def _same_origin(settings: Settings, origin: str, host: str) -> bool:
    # The scheme is not compared: it is unknown behind a proxy that terminates TLS.
    try:
        if is_loopback(settings.host) and not is_loopback(urlsplit(origin).hostname or ""):
            return False
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return True if a host name or address is a loopback one."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
