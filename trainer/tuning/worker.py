"""A worker: an RQ worker that takes trials of all studies, each in a process of its own, which gives all memory back.

A trial whose folders are not here would fail, and all others after it, faster than workers elsewhere could take them;
or it would train into a folder of its own. It is handed back, and the worker ends.

RQ finds out by its heartbeats that a worker was killed, and hands its trial to another. What it trained must not go on
behind its back: the kernel kills the trial's process with it.

RQ ends with a traceback when Redis goes away. Here each command waits until Redis is back, in the worker and in the
trial's process, which trains on until it has something to tell.
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
from trainer.names import absent
from trainer.tuning.patience import Patience
from wire.bus import AWAY, Redis
from wire.jobs import TRIALS, queue

#: RQ hears of a worker this often, in seconds.
BEAT_S = 4
#: And gives its trial to another if it has not for so long, in seconds.
TTL_S = 15
#: In the `meta` of a job: the folders that its trial needs.
FOLDERS = "folders"

_PR_SET_PDEATHSIG = 1


class TrialWorker(Worker):
    """RQ's worker, with heartbeats that tell sooner of its death, and an eye on where it was started.

    `unfit` is what it ended for, if anything: it was started in the wrong place.
    """

    patience: Patience
    unfit = ""

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Perform a trial that has all of its folders here."""
        folder = absent(job.meta.get(FOLDERS, ()))
        if folder is None:
            super().execute_job(job, queue)
            return
        self.unfit = (
            f"trial {job.id} needs {folder}, which is not here, and was handed back: start workers where that path "
            "leads to the same folder as for `tune` (in a container, mount it there)"
        )
        with self.connection.pipeline() as pipeline:
            queue.push_job_id(job.id, pipeline, at_front=True)
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.execute()
        raise StopRequested

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """What the forked process runs."""
        _die_with(self.pid)
        super().main_work_horse(job, queue)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """How long a silent worker keeps its trial."""
        return TTL_S

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell Redis that the worker lives, and who it is: one that was away for long, or is new, does not know it."""
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """Not when Redis has just come back: those that are taken for dead only have not reached it yet."""
        return not self.patience.tried and bool(super().should_run_maintenance_tasks)

    def handle_warm_shutdown_request(self) -> None:
        """SIGTERM or Ctrl-C: the trial of the moment ends where it is, and goes back into the queue.

        If Redis is away, nobody can put it there now. It is taken up when Redis has not heard of it for a while.
        """
        self.patience.over = True
        self.log.setLevel(logging.CRITICAL)  # RQ would call a Redis that is away an unhandled exception
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """A trial that an orderly stop hands back is not one that a worker could not bring to its end."""
        if self._shutdown_requested_date and job.retries_left is not None:
            job.retries_left += 1
        super().handle_job_failure(job, queue, *args, **kwargs)


def work(redis: Redis, burst: bool = False) -> None:
    """Take trials until told to stop.

    Args:
        burst: end when none is waiting.

    Raises:
        PlanError: a trial needs a folder that is not here; the text names it.
    """
    patience = Patience()
    redis.set_retry(Retry(patience, -1, AWAY))
    worker = TrialWorker(
        [queue(TRIALS, redis)],
        # A container that is started again has the same host and process, and RQ would take it for its dead self.
        name=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=TTL_S,
        job_monitoring_interval=BEAT_S,
        maintenance_interval=BEAT_S,
        log_job_description=False,
    )
    worker.patience = patience
    with suppress(*AWAY):  # only one that is to stop meets them
        worker.work(burst=burst, logging_level="WARNING")
    if worker.unfit:
        raise PlanError(worker.unfit)


def _die_with(parent: int | None) -> None:
    """Ask the kernel for SIGKILL when the worker dies, however it does (prctl(2))."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
