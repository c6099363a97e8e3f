"""RQ, which carries jobs between services by the name of their function. Never audio.

The JSON serializer keeps both ends honest: what is queued is readable, and no code travels in it.
"""

from __future__ import annotations

from rq import Queue, Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from wire.bus import Redis

#: Decoding of uploads; ingest works on it.
UPLOADS = "undertext-uploads"

#: Hyper-parameter trials; trainer workers share it.
TRIALS = "undertext-trials"

#: What ingest runs for an upload, called with the job's id.
DECODE = "ingest.uploads.decode"


def queue(name: str, redis: Redis) -> Queue:
    """The RQ queue `name`."""
    return Queue(name, connection=redis, serializer=JSONSerializer)


def enqueue_decode(redis: Redis, job_id: str, *, timeout_s: int) -> None:
    """Ask ingest to decode an upload; a killed worker's job is tried again.

    Args:
        timeout_s: most time that one attempt may take, the waiting for transcribers included.
    """
    queue(UPLOADS, redis).enqueue(
        DECODE,
        job_id,
        job_id=f"decode-{job_id}",
        job_timeout=timeout_s,
        retry=Retry(max=3),
        result_ttl=0,
        failure_ttl=86400,
    )


def cancel_decode(redis: Redis, job_id: str) -> None:
    """Take an upload that still waits out of the queue; one that is being decoded sees its job's state itself."""
    try:
        RqJob.fetch(f"decode-{job_id}", connection=redis, serializer=JSONSerializer).delete()
    except NoSuchJobError:
        return


def waiting_decodes(redis: Redis) -> int:
    """Uploads that no worker has taken yet."""
    return queue(UPLOADS, redis).count
