"""demo.ports: a port in use is reported in one message with the remedy, before anything is installed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from demo import ports
from demo.ports import PreflightError
from tests.places import ROOT


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_names_the_variable(taken_port: int) -> None:
    with pytest.raises(PreflightError, match=rf"Port {taken_port} .* `make up PORT={taken_port + 1}`"):
        ports.check_port("PORT", "127.0.0.1", taken_port)


def test_a_free_port_passes(free_port: Callable[[], int]) -> None:
    ports.check_port("PORT", "127.0.0.1", free_port())


def test_one_port_for_two_services_names_both_variables() -> None:
    ports.check_distinct({"PORT": 8000, "DEMO_PORT": 8010})
    with pytest.raises(PreflightError, match=r"PORT and DEMO_PORT are both 8010: .* `make up DEMO_PORT=8011`"):
        ports.check_distinct({"PORT": 8010, "DEMO_PORT": 8010})


def test_a_foreign_redis_on_our_port_is_recognised(redis_url: str) -> None:
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    with pytest.raises(PreflightError, match=r"Another Redis is running .* REDIS_URL=.* REDIS_PORT="):
        ports.check_port("REDIS_PORT", "127.0.0.1", port)


@pytest.mark.parametrize(
    ("answer", "redis"),
    [(b"+PONG\r\n", True), (b"-NOAUTH Authentication required.\r\n", True), (b"HTTP/1.1 400 Bad Request\r\n", False)],
)
def test_redis_is_recognised_even_if_it_requires_a_password(answer: bytes, redis: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(64)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        assert ports.is_redis(*server.getsockname()) == redis


def test_check_needs_only_the_standard_library(taken_port: int) -> None:
    """-I and -S: without any site-packages, as on a fresh machine."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from demo import ports; sys.exit(ports.main())"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env={**os.environ, "PORT": str(taken_port)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"undertext: Port {taken_port} on 127.0.0.1 cannot be used"), done.stderr


def test_old_python_is_left_for_the_installation_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "none")
    assert ports.main() == 1
    monkeypatch.setattr(sys, "version_info", (3, 9, 6))
    assert ports.main() == 0
