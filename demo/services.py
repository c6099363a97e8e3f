"""The services that `make up` and `make transcribers` start, with the environment that lets them find each other."""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from demo import preflight
from demo.settings import Settings
from demo.supervisor import Service
from wire.bus import Redis, connect
from wire.workers import identities

#: Routine messages that Redis logs as warnings at every start and stop.
REDIS_ROUTINE_LINES = re.compile(
    r"oO0OoO0OoO0Oo|Redis version=|Configuration loaded|Server initialized|Memory overcommit|"
    r"Received SIGTERM|User requested shutdown|ready to exit"
)


def services(settings: Settings) -> list[Service]:
    """All services of this machine."""
    environ = environment(settings)
    redis = connect(environ["REDIS_URL"], patience_s=0.1)
    python = sys.executable

    def ping() -> bool:
        return bool(redis.ping())

    def api_is_ready() -> bool:
        return responds(f"{address(settings)}/{'readyz' if settings.transcribers else 'healthz'}")

    started = [
        Service(
            "station",
            (python, "-m", "demo.station"),
            lambda: responds(f"http://127.0.0.1:{settings.demo_port}/healthz"),
            tier=1,
            # Independent of the API's HOST: stations.yml refers to the station by its loopback address.
            environ={**environ, "HOST": "127.0.0.1"},
        ),
        Service("ingest", (python, "-m", "ingest"), new_workers(redis, "ingest", 1), tier=2, environ=environ),
        Service("api", (python, "-m", "api"), api_is_ready, tier=2, environ=environ),
        *transcribers(settings),
    ]
    if not settings.redis_url:
        started.insert(0, Service("redis", redis_command(settings), ping, tier=0, hide=REDIS_ROUTINE_LINES))
    return started


def transcribers(settings: Settings) -> list[Service]:
    """The transcribers of this machine."""
    environ, count = environment(settings), settings.transcribers
    ready = new_workers(connect(environ["REDIS_URL"], patience_s=0.1), "transcriber", count)
    # One thread per process: two processes with one thread each are faster than one process with two.
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or "1"}
    names = ["transcriber"] if count == 1 else [f"transcriber-{number}" for number in range(1, count + 1)]
    command = (sys.executable, "-m", "transcriber")
    return [Service(name, command, ready, tier=2, environ={**environ, **threads}) for name in names]


def new_workers(redis: Redis, service: str, count: int) -> Callable[[], bool]:
    """A check that returns True when `count` workers of a service exist that did not at the first check.

    Earlier ones may be on other machines, or of an instance that was killed a moment ago.
    """
    before: set[bytes] | None = None

    def check() -> bool:
        nonlocal before
        now = identities(redis, service)
        before = now if before is None else before
        return len(now - before) >= count

    return check


def environment(settings: Settings) -> Mapping[str, str]:
    """Variables for the services, in addition to the user's environment."""
    embedded_redis = f"redis://127.0.0.1:{settings.redis_port}/0"
    return {
        "REDIS_URL": settings.redis_url or embedded_redis,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "DEMO_PORT": str(settings.demo_port),
        # Used in stations.yml.
        "DEMO_URL": f"http://127.0.0.1:{settings.demo_port}/stream.mp3",
        "DEMO_LISTEN_URL": f"http://127.0.0.1:{settings.demo_port}/stream.mp3",
        "DATA_DIR": settings.data_dir,
        "MODEL": settings.model,
        "STATIONS_FILE": settings.stations_file,
        "PYTHONUNBUFFERED": "1",
    }


def redis_command(settings: Settings) -> tuple[str, ...]:
    """The embedded Redis: listens on loopback only, syncs writes to disk every second."""
    folder = Path(settings.data_dir) / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    return (
        preflight.find_redis_server(),
        *("--bind", "127.0.0.1", "--port", str(settings.redis_port)),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        # Setting a process title would overwrite the environment in /proc, which identifies whose Redis it is.
        *("--daemonize", "no", "--loglevel", "warning", "--set-proc-title", "no"),
    )


def address(settings: Settings) -> str:
    """The address of the page for a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://{host}:{settings.port}"


def responds(url: str) -> bool:
    """Return whether `url` responds with status 200; raise OSError for HTTP errors and connection failures."""
    with urllib.request.urlopen(url, timeout=3) as response:
        return bool(response.status == 200)
