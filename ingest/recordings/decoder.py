"""A process that decodes uploads one after another: an RQ worker. `python -m ingest` starts UPLOAD_WORKERS of them.

RQ's default worker forks for every job, and metrics counted in the fork would be lost. This one runs jobs in its own
process, so metrics are kept, and sends the heartbeats that the default worker sends while it waits for its fork:
without them, RQ would consider a killed worker busy until the job's time-out.
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
from ingest.presence import register_worker
from wire.bus import UNAVAILABLE
from wire.jobs import UPLOADS, DecodeJob, queue
from wire.metrics import IngestMetrics

log = logging.getLogger(__name__)

#: Name of the service in heartbeats.
SERVICE = "decoder"

#: Interval of a busy decoder's heartbeats to RQ, in seconds.
BEAT_S = 4

#: RQ hands the job of a decoder without a heartbeat for this long to another, in seconds.
TTL_S = 12

_PR_SET_PDEATHSIG = 1


class DecodeWorker(SimpleWorker):
    """An RQ worker that sends heartbeats while it works, and returns its job to the queue when it should stop."""

    job_class = DecodeJob
    stopping: threading.Event

    def execute_job(self, job: RqJob, queue: Queue) -> None:
        """Run a job while a thread renews this worker's claim on it."""
        execution = self.prepare_execution(job)
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_S):
                try:
                    self.maintain_heartbeats(job, execution)
                except UNAVAILABLE as error:
                    log.debug("heartbeat to RQ failed: %s", error)

        thread = threading.Thread(target=beat, name="rq heartbeat", daemon=True)
        thread.start()
        try:
            self.perform_job(job, queue, execution)
        finally:
            done.set()
            thread.join(timeout=BEAT_S)

    def subscribe(self) -> None:
        """Take no commands: none are sent, and RQ's thread for them fails if Redis stops together with the decoder."""

    def get_heartbeat_ttl(self, job: RqJob, working_time: float = 0.0) -> int:
        """How long a decoder without a heartbeat keeps its job."""
        return TTL_S

    def handle_warm_shutdown_request(self) -> None:
        """On SIGTERM or Ctrl-C, end the current job early and return it to the queue."""
        self.stopping.set()


def exit_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the process `parent`, which started this one, dies (prctl(2))."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(0)


def main(argv: list[str]) -> int:
    """Decode uploads until asked to stop, or until Redis is unavailable.

    `argv` may contain the process id of the parent, to exit with it. Exit code 1: RQ met an unexpected error.
    """
    if argv:
        exit_with_parent(int(argv[0]))
    # Until RQ installs its own handlers: exit through the context manager, which deletes the heartbeat.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    registry = CollectorRegistry()
    context = uploads.get_context(IngestMetrics(registry))
    logging.basicConfig(level=context.settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, including passwords
    # RQ logs every two seconds while Redis is unavailable; we log the outcome of jobs ourselves.
    logging.getLogger("rq").setLevel(logging.CRITICAL)
    registered = register_worker(context.redis, SERVICE, registry, context.stopping)
    if registered is None:
        return 0
    try:
        with registered:
            worker: Any = DecodeWorker(
                [queue(UPLOADS, context.redis)],
                # A restarted container reuses the numbers of killed workers, whose names RQ still has.
                name=f"{registered.name}-{secrets.token_hex(3)}",
                connection=context.redis,
                serializer=JSONSerializer,
                exception_handlers=[uploads.failed],
                worker_ttl=TTL_S,
                maintenance_interval=BEAT_S,
                log_job_description=False,
            )
            worker.stopping = context.stopping
            worker.work(logging_level="CRITICAL")
    except UNAVAILABLE as error:
        log.debug("Redis is unavailable, which the next decoder will report: %s", error)
        return 0
    return 0 if context.stopping.is_set() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
