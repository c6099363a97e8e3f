"""RQ queues, which carry jobs between services by the name of their function. They never carry audio.

With the JSON serializer, queued jobs are readable and contain no code. RQ itself would call any function they name, so
workers load them as an `OwnJob`: write access to Redis does not allow running code in them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from redis.client import Pipeline
from rq import Queue, Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from wire.bus import Redis, transaction
from wire.errors import QueueFull

#: Queue of uploads to decode, processed by ingest.
UPLOADS = "undertext-uploads"

#: Queue of hyper-parameter trials, processed by trainer workers.
TRIALS = "undertext-trials"

#: Function that ingest runs for an upload, with the job's id.
DECODE = "ingest.uploads.decode"

#: Function that a trainer worker runs for a trial, with the study's name and the trial's number.
PERFORM = "trainer.tuning.jobs.perform"


class OwnJob(RqJob):
    """A job that calls the function of its queue or fails, and has no callbacks."""

    function: ClassVar[str]

    @property
    def func(self) -> Any:
        """The function to call.

        Raises:
            ValueError: it is another one.
        """
        if self.func_name != self.function:
            raise ValueError(f"job {self.id} names {self.func_name} instead of {self.function}")
        return super().func

    success_callback = failure_callback = stopped_callback = None


class DecodeJob(OwnJob):
    """Decodes an upload."""

    function = DECODE


class TrialJob(OwnJob):
    """Runs a trial."""

    function = PERFORM


_JOB_CLASSES: dict[str, type[OwnJob]] = {UPLOADS: DecodeJob, TRIALS: TrialJob}


def queue(name: str, redis: Redis) -> Queue:
    """The RQ queue `name`."""
    return Queue(name, connection=redis, serializer=JSONSerializer, job_class=_JOB_CLASSES[name])


def enqueue_decode(redis: Redis, job_id: str, *, timeout_s: int, limit: int | None = None) -> None:
    """Queue the decoding of an upload; the job of a killed worker is retried.

    Args:
        timeout_s: time limit of one attempt, including the wait for transcribers.
        limit: maximum number of waiting uploads, this one included; None for no limit.

    Raises:
        QueueFull: `limit` uploads are waiting already.
    """
    uploads, entry = queue(UPLOADS, redis), _entry(job_id)

    def attempt(pipe: Pipeline) -> None:
        if RqJob.exists(entry, connection=pipe):  # by an attempt whose reply was lost
            return
        check_room(pipe, limit)
        pipe.multi()
        uploads.enqueue(
            DECODE,
            job_id,
            job_id=entry,
            job_timeout=timeout_s,
            retry=Retry(max=3),
            result_ttl=0,
            failure_ttl=86400,
            pipeline=pipe,
        )

    transaction(redis, attempt, uploads.key)


def check_room(redis: Redis, limit: int | None) -> None:
    """Check that one more upload may be queued now; `enqueue_decode` does so itself.

    Raises:
        QueueFull: `limit` uploads are waiting already.
    """
    waiting = waiting_decodes(redis)
    if limit is not None and waiting >= limit:
        raise QueueFull(f"{waiting} uploads are waiting already (MAX_JOBS_WAITING); try again later")


def cancel_decode(redis: Redis, job_id: str) -> None:
    """Remove a waiting upload from the queue; a running decoder notices the change of the job's state itself."""
    try:
        RqJob.fetch(_entry(job_id), connection=redis, serializer=JSONSerializer).delete()
    except (NoSuchJobError, ValueError):  # ValueError: it has just ended, and RQ does not find its execution
        return


def decodes_before(redis: Redis, job_id: str) -> int:
    """Number of uploads queued before this one; 0 if it is not waiting."""
    place = redis.lpos(queue(UPLOADS, redis).key, _entry(job_id))
    return place or 0  # type: ignore[return-value]


def _entry(job_id: str) -> str:
    """The id of the RQ job that decodes an upload."""
    return f"decode-{job_id}"


def waiting_decodes(redis: Redis) -> int:
    """Number of uploads that no worker has taken yet."""
    return queue(UPLOADS, redis).count
