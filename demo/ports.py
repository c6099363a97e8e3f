"""Checks that the ports that `make up` needs are free.

    python3 -m demo.ports

runs before the first installation, which takes minutes, so it uses only the standard library.
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
    """Something prevents the start. The text is one message that names the problem and the remedy."""


def main() -> int:
    """Report the first port that is in use; exit code 1 if there is one."""
    if sys.version_info < (3, 11):  # noqa: UP036  # reported by demo.install, which runs next
        return 0
    try:
        check_ports(load(Settings, os.environ))
    except (SettingsError, PreflightError) as e:
        print(f"undertext: {e}", file=sys.stderr)
        return 1
    return 0


def check_ports(settings: Settings) -> None:
    """Raise PreflightError for the first port that cannot be used."""
    ports = {"PORT": settings.port, "DEMO_PORT": settings.demo_port}
    check_distinct(ports if settings.redis_url else {**ports, "REDIS_PORT": settings.redis_port})
    check_port("PORT", settings.host, settings.port)
    check_port("DEMO_PORT", "127.0.0.1", settings.demo_port)
    if not settings.redis_url:
        check_port("REDIS_PORT", "127.0.0.1", settings.redis_port)


def check_port(variable: str, host: str, port: int) -> None:
    """Raise PreflightError if `host:port`, which is set by `variable`, cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError as e:
        raise PreflightError(
            f"This account may not use port {port}: choose one above 1023 with `make up {variable}={port + 8000}`."
        ) from e
    except OSError as e:
        if variable == "REDIS_PORT" and is_redis(host, port):
            raise PreflightError(
                f"Another Redis is running on {host}:{port}: use it with "
                f"`make up REDIS_URL=redis://{host}:{port}/0`, or choose another port with "
                f"`make up REDIS_PORT={port + 1}`."
            ) from e
        raise PreflightError(
            f"Port {port} on {host} cannot be used ({e.strerror}): stop the program that uses it, or choose another "
            f"with `make up {variable}={port + 1}`."
        ) from e


def check_distinct(ports: Mapping[str, int]) -> None:
    """Raise PreflightError if two of the variables in `ports` are set to the same port."""
    first: dict[int, str] = {}
    for variable, port in ports.items():
        if port in first:
            raise PreflightError(
                f"{first[port]} and {variable} are both {port}: choose another with `make up {variable}={port + 1}`."
            )
        first[port] = variable


def is_redis(host: str, port: int) -> bool:
    """Return whether a Redis responds at this address, even if it requires a password."""
    try:
        with socket.create_connection((host, port), timeout=3) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-DENIED"))
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
