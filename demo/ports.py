"""Whether the ports that `make up` wants are free.

    python3 -m demo.ports

asks before minutes of a first installation, so it needs the standard library alone.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

from demo.settings import Settings
from wire.errors import SettingsError
from wire.settings import load


class PreflightError(Exception):
    """Something is in the way; the text is one sentence that says what, and what to do."""


def main() -> int:
    """Says in one sentence which port is taken; exit code 1 if one is."""
    if sys.version_info < (3, 11):  # noqa: UP036  # that is told by demo.install, which comes next
        return 0
    try:
        check_ports(load(Settings, os.environ))
    except (SettingsError, PreflightError) as e:
        print(f"undertext: {e}", file=sys.stderr)
        return 1
    return 0


def check_ports(settings: Settings) -> None:
    """Raises PreflightError for the first port that is in the way."""
    ports = {"PORT": settings.port, "DEMO_PORT": settings.demo_port}
    check_distinct(ports if settings.redis_url else {**ports, "REDIS_PORT": settings.redis_port})
    check_port("PORT", settings.host, settings.port)
    check_port("DEMO_PORT", "127.0.0.1", settings.demo_port)
    if not settings.redis_url:
        check_port("REDIS_PORT", "127.0.0.1", settings.redis_port)


def check_port(variable: str, host: str, port: int) -> None:
    """Raises PreflightError if `host:port`, which `variable` chooses, cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError as e:
        raise PreflightError(
            f"Port {port} may not be used by this account: choose one above 1023 with "
            f"`make up {variable}={port + 8000}`."
        ) from e
    except OSError as e:
        if variable == "REDIS_PORT" and is_redis(host, port):
            raise PreflightError(
                f"A Redis that is not ours answers on {host}:{port}: use it with "
                f"`make up REDIS_URL=redis://{host}:{port}/0`, or choose another port for ours with "
                f"`make up REDIS_PORT={port + 1}`."
            ) from e
        raise PreflightError(
            f"Port {port} on {host} cannot be used ({e.strerror}): stop the program that uses it, or choose another "
            f"with `make up {variable}={port + 1}`."
        ) from e


def check_distinct(ports: Mapping[str, int]) -> None:
    """Raises PreflightError if two of the variables in `ports` choose the same port."""
    first: dict[int, str] = {}
    for variable, port in ports.items():
        if port in first:
            raise PreflightError(
                f"{first[port]} and {variable} are both {port}: choose another with `make up {variable}={port + 1}`."
            )
        first[port] = variable


def is_redis(host: str, port: int) -> bool:
    """Whether a Redis answers there, be it that it wants a password."""
    try:
        with socket.create_connection((host, port), timeout=3) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-DENIED"))
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
