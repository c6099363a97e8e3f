"""RQ, which carries jobs between services by the name of their function. Never audio.

The JSON serializer keeps both ends honest: what is queued is readable, and no code travels in it.
"""

from __future__ import annotations

from redis.client import Pipeline
from rq import Queue, Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from wire.bus import Redis, transaction
from wire.errors import QueueFull

#: Decoding of uploads; ingest works on it.
UPLOADS = "undertext-uploads"

#: Hyper-parameter trials; trainer workers share it.
TRIALS = "undertext-trials"

#: What ingest runs for an upload, called with the job's id.
DECODE = "ingest.uploads.decode"


def queue(name: str, redis: Redis) -> Queue:
    """The RQ queue `name`."""
    return Queue(name, connection=redis, serializer=JSONSerializer)


def enqueue_decode(redis: Redis, job_id: str, *, timeout_s: int, limit: int | None = None) -> None:
    """Ask ingest to decode an upload; a killed worker's job is tried again.

    Args:
        timeout_s: most time that one attempt may take, the waiting for transcribers included.
        limit: most uploads that may wait, this one included; None for any number.

    Raises:
        QueueFull: so many wait already.
    """
    uploads, entry = queue(UPLOADS, redis), _entry(job_id)

    def attempt(pipe: Pipeline) -> None:
        if RqJob.exists(entry, connection=pipe):  # by an attempt whose answer was lost: there is room for it already
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
    """See whether one more upload may wait now; `enqueue_decode` sees for itself.

    Raises:
        QueueFull: `limit` of them wait already.
    """
    waiting = waiting_decodes(redis)
    if limit is not None and waiting >= limit:
        raise QueueFull(f"{waiting} uploads wait already (MAX_JOBS_WAITING); try again later")


def cancel_decode(redis: Redis, job_id: str) -> None:
    """Take an upload that still waits out of the queue; one that is being decoded sees its job's state itself."""
    try:
        RqJob.fetch(_entry(job_id), connection=redis, serializer=JSONSerializer).delete()
    except (NoSuchJobError, ValueError):  # ValueError: it ended at this moment, and RQ misses its execution
        return


def decodes_before(redis: Redis, job_id: str) -> int:
    """Uploads that will be taken before this one; 0 for one that does not wait."""
    place = redis.lpos(queue(UPLOADS, redis).key, _entry(job_id))
    return place or 0  # type: ignore[return-value]


def _entry(job_id: str) -> str:
    """What RQ calls an upload's decoding."""
    return f"decode-{job_id}"


def waiting_decodes(redis: Redis) -> int:
    """Uploads that no worker has taken yet."""
    return queue(UPLOADS, redis).count
