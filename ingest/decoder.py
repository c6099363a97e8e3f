"""A process that decodes uploads, one after another: an RQ worker. `python -m ingest` starts UPLOAD_WORKERS of them.

RQ's usual worker forks for every job, and what the fork counted would be lost. This one works in its own process, so
its metrics live on, and sends the heartbeats itself that the usual one sends while it watches its fork: without them RQ
would take a killed worker for a busy one until the job's time is up.
"""

from __future__ import annotations

import ctypes
import logging
import os
import secrets
import signal
import sys
import threading
from typing import Any

from prometheus_client import CollectorRegistry
from rq import SimpleWorker
from rq.job import Job as RqJob
from rq.queue import Queue
from rq.serializers import JSONSerializer

from ingest import uploads
from ingest.presence import present
from wire.bus import AWAY
from wire.jobs import UPLOADS, queue
from wire.metrics import IngestMetrics

log = logging.getLogger(__name__)

#: Name of the service in heartbeats.
SERVICE = "decoder"

#: RQ hears of a busy decoder this often, in seconds.
BEAT_S = 4

#: And gives its job to another if it has not for so long, in seconds.
TTL_S = 12

_PR_SET_PDEATHSIG = 1


class DecodeWorker(SimpleWorker):
    """RQ's worker with heartbeats of its own, which hands its job on when it is to stop."""

    stopping: threading.Event

    def execute_job(self, job: RqJob, queue: Queue) -> None:
        """Run a job beside a thread that keeps its claim on it alive."""
        execution = self.prepare_execution(job)
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_S):
                try:
                    self.maintain_heartbeats(job, execution)
                except AWAY as error:
                    log.debug("no heartbeat to RQ: %s", error)

        thread = threading.Thread(target=beat, name="rq heartbeat", daemon=True)
        thread.start()
        try:
            self.perform_job(job, queue, execution)
        finally:
            done.set()
            thread.join(timeout=BEAT_S)

    def get_heartbeat_ttl(self, job: RqJob, working_time: float = 0.0) -> int:
        """How long a silent decoder keeps its job."""
        return TTL_S

    def handle_warm_shutdown_request(self) -> None:
        """SIGTERM or Ctrl-C: the job of the moment ends early and goes back into the queue."""
        self.stopping.set()


def die_with(parent: int) -> None:
    """Ask the kernel for SIGTERM when the process `parent`, which started this one, dies (prctl(2))."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(0)


def main(argv: list[str]) -> int:
    """Decode until told to stop, or Redis is away. `argv` is the process id of the parent, if there is one to die with.

    Exit code 1: RQ has met something unexpected.
    """
    if argv:
        die_with(int(argv[0]))
    # Until RQ listens to signals itself: a stop takes the heartbeat along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    registry = CollectorRegistry()
    here = uploads.workplace(IngestMetrics(registry))
    logging.basicConfig(level=here.settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells whole addresses, passwords included
    # RQ says every two seconds that Redis is away; what becomes of a job we say ourselves.
    logging.getLogger("rq").setLevel(logging.CRITICAL)
    presence = present(here.redis, SERVICE, registry, here.stopping)
    if presence is None:
        return 0
    try:
        with presence:
            worker: Any = DecodeWorker(
                [queue(UPLOADS, here.redis)],
                # A container that is started again has the numbers of the killed ones, whose names RQ still knows.
                name=f"{presence.name}-{secrets.token_hex(3)}",
                connection=here.redis,
                serializer=JSONSerializer,
                exception_handlers=[uploads.failed],
                worker_ttl=TTL_S,
                maintenance_interval=BEAT_S,
                log_job_description=False,
            )
            worker.stopping = here.stopping
            worker.work(logging_level="CRITICAL")
    except AWAY as error:
        log.debug("Redis is away, as whoever takes this place will say: %s", error)
        return 0
    return 0 if here.stopping.is_set() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
