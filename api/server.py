"""gunicorn, configured from our settings: one gevent worker, since one process holds thousands of sockets.

The worker imports the app, after gevent has patched the standard library; therefore this file imports none of it.
"""

from __future__ import annotations

import gc
import logging
import resource
from typing import TYPE_CHECKING, Any

import gevent
from gunicorn.app.base import BaseApplication

from api.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

#: Connections for plain requests, in addition to the sockets.
SPARE_CONNECTIONS = 200

#: Allocated objects between two searches for cyclic garbage. At Python's own 700, a caption for some hundred viewers is
#: enough for a search, and every tenth search visits the tens of objects of every socket: with 3,000 sockets it took
#: half a second, every few seconds (`python -m benchmarks.viewers`).
GC_THRESHOLD = 50_000

#: Time for requests in progress after a signal, in seconds.
GRACE_S = 3


def allow_files(connections: int) -> None:
    """Raise the limit of open files for this many connections, if the system permits it.

    A BoundedSocket has two descriptors; Redis and uploads need some more.
    """
    needed = 2 * connections + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        log.warning("the system allows %d open files, MAX_SOCKETS needs %d: raise `ulimit -n`", allowed, needed)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """`python -m api`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app: Flask | None = None
        super().__init__()

    def run(self) -> None:
        """Serve until a signal arrives."""
        allow_files(self.settings.max_sockets + SPARE_CONNECTIONS)
        super().run()

    def load_config(self) -> None:
        """Configure gunicorn."""
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
            "limit_request_line": 8190,  # a query of 500 characters of nine bytes each: hot words in Japanese
            # No proxy: one on loopback forwards its clients' SCRIPT_NAME, which would hide /metrics from its rules.
            "forwarded_allow_ips": "",
            "loglevel": settings.log_level.lower(),
            "proc_name": "undertext-api",
            "control_socket_disable": True,
            "post_worker_init": self._started,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Create the app; called in the worker."""
        from api.app import create_app

        self.app = create_app(self.settings)
        return self.app

    def _started(self, worker: Any) -> None:
        assert self.app is not None, "gunicorn loads the app first"
        gc.freeze()  # the imported modules stay
        gc.set_threshold(GC_THRESHOLD)
        parts = self.app.extensions["undertext"]
        for part in (parts.hub, parts.archivist):
            part.start()

        def watch() -> None:
            # gunicorn does not notify an app of a stop, and waits for every socket.
            while worker.alive:
                gevent.sleep(0.1)
            parts.hub.close()
            parts.archivist.close()

        gevent.spawn(watch)
