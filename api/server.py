"""gunicorn, set up from our settings: one gevent worker, because one process holds thousands of sockets.

The app is imported in the worker, after gevent has patched the standard library; so this file imports none of it.
"""

from __future__ import annotations

import logging
import resource
from typing import TYPE_CHECKING, Any

import gevent
from gunicorn.app.base import BaseApplication

from api.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

#: Connections beyond the sockets that are kept for plain requests.
SPARE_CONNECTIONS = 200

#: After a signal, requests under way get so many seconds.
GRACE_S = 3


def allow_files(connections: int) -> None:
    """Let this process hold so many connections, if the system lets us.

    A PatientSocket has two descriptors; some more are for Redis and uploads.
    """
    needed = 2 * connections + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        log.warning("the system allows %d open files, MAX_SOCKETS wants %d: raise `ulimit -n`", allowed, needed)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """`python -m api`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app: Flask | None = None
        super().__init__()

    def run(self) -> None:
        """Serve until a signal comes."""
        allow_files(self.settings.max_sockets + SPARE_CONNECTIONS)
        super().run()

    def load_config(self) -> None:
        """What gunicorn calls its configuration."""
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        options = {
            "bind": f"{host}:{settings.port}",
            "worker_class": "gevent",
            "workers": 1,
            "worker_connections": settings.max_sockets + SPARE_CONNECTIONS,
            "timeout": 60,
            "graceful_timeout": GRACE_S,
            "keepalive": 15,
            "limit_request_line": 8190,  # a query of 500 letters, each of nine characters: hot words in Japanese
            # Nobody: a proxy on loopback passes its clients' SCRIPT_NAME on, which would hide /metrics from its rules.
            "forwarded_allow_ips": "",
            "loglevel": settings.log_level.lower(),
            "proc_name": "undertext-api",
            "control_socket_disable": True,
            "post_worker_init": self._started,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The app; called in the worker."""
        from api.app import create_app

        self.app = create_app(self.settings)
        return self.app

    def _started(self, worker: Any) -> None:
        assert self.app is not None, "gunicorn loads the app first"
        parts = self.app.extensions["undertext"]
        for part in (parts.hub, parts.archivist):
            part.start()

        def watch() -> None:
            # gunicorn tells an app nothing of a stop, and waits for every socket.
            while worker.alive:
                gevent.sleep(0.1)
            parts.hub.close()
            parts.archivist.close()

        gevent.spawn(watch)
