"""An RQ worker that runs the trials of all studies, each in its own process, so that all memory is released after it.

A worker that lacks a trial's folders would fail one trial after another, faster than other workers could take them, or
train into a folder that no other process sees. It returns the trial to the queue and exits.

RQ notices by missing heartbeats that a worker was killed, and gives its trial to another. The old trial must not keep
running: the kernel kills its process when the worker dies.

RQ's worker exits with a traceback when Redis becomes unreachable. Here, each command is retried until Redis is back, in
the worker and in the trial's process, which keeps training until it has something to report.
"""

from __future__ import annotations

import ctypes
import logging
import os
import secrets
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from redis.retry import Retry
from rq import Worker, worker_registration
from rq.exceptions import StopRequested
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer

from trainer.errors import PlanError
from trainer.names import first_missing
from trainer.tuning.patience import Patience
from wire.bus import UNAVAILABLE, Redis
from wire.jobs import TRIALS, TrialJob, queue

#: Seconds between two heartbeats of a worker.
BEAT_S = 4
#: Seconds without a heartbeat after which RQ gives a worker's trial to another.
TTL_S = 15
#: Key in the `meta` of a job: the folders that its trial needs.
FOLDERS = "folders"

_PR_SET_PDEATHSIG = 1


class TrialWorker(Worker):
    """RQ's worker with frequent heartbeats and a check that a trial's folders exist.

    `unfit` is why the worker cannot run trials, if it exited for that.
    """

    job_class = TrialJob
    patience: Patience
    unfit = ""

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a trial if all of its folders exist; else return it to the queue and stop."""
        missing = first_missing(job.meta.get(FOLDERS, ()))
        if missing is None:
            super().execute_job(job, queue)
            return
        self.unfit = (
            f"trial {job.id} needs {missing}, which does not exist here, and was returned to the queue: start workers "
            "where that path is the same folder as for `tune` (in a container, mount it there)"
        )
        with self.connection.pipeline() as pipeline:
            queue.push_job_id(job.id, pipeline, at_front=True)
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.execute()
        raise StopRequested

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run a job in the forked process."""
        _die_with_parent(self.pid)
        super().main_work_horse(job, queue)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Return how long a worker without heartbeats keeps its trial."""
        return TTL_S

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Send a heartbeat and register the worker again: a restarted Redis has forgotten it."""
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """False right after an outage of Redis: workers that seem dead may only not have reached it again yet."""
        return not self.patience.tried and bool(super().should_run_maintenance_tasks)

    def handle_warm_shutdown_request(self) -> None:
        """On SIGTERM or Ctrl-C, stop the current trial and return it to the queue.

        If Redis is unreachable, the trial is resumed after its heartbeats have expired.
        """
        self.patience.over = True
        self.log.setLevel(logging.CRITICAL)  # RQ would log an unreachable Redis as an unhandled exception
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """Handle a failed trial; one returned by an orderly stop does not count as a failed attempt."""
        if self._shutdown_requested_date and job.retries_left is not None:
            job.retries_left += 1
        super().handle_job_failure(job, queue, *args, **kwargs)


def work(redis: Redis, burst: bool = False) -> None:
    """Run trials until asked to stop.

    Args:
        burst: return when no trial is waiting.

    Raises:
        PlanError: a trial needs a folder that does not exist here; the message names it.
    """
    patience = Patience()
    redis.set_retry(Retry(patience, -1, UNAVAILABLE))
    worker = TrialWorker(
        [queue(TRIALS, redis)],
        # Random: a restarted container has the same host name and process id, and RQ would take it for the dead worker.
        name=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=TTL_S,
        job_monitoring_interval=BEAT_S,
        maintenance_interval=BEAT_S,
        log_job_description=False,
    )
    worker.patience = patience
    with suppress(*UNAVAILABLE):  # raised only when the worker is to stop
        worker.work(burst=burst, logging_level="WARNING")
    if worker.unfit:
        raise PlanError(worker.unfit)


def _die_with_parent(parent: int | None) -> None:
    """Ask the kernel to kill this process when the worker dies, in any way (prctl(2))."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
