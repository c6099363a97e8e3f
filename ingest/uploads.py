"""The RQ job that decodes an upload, named by `wire.jobs.DECODE`; `decoding` does the work."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry
from rq import Retry, get_current_job
from rq.exceptions import AbandonedJobError
from rq.job import Job as RqJob

from ingest.context import Context
from ingest.media.web import make_client
from ingest.recordings.attempt import Interrupted
from ingest.recordings.decoding import Decoding
from ingest.settings import Settings
from ingest.speech.speech_detector import make_detectors
from wire.bus import connect
from wire.metrics import IngestMetrics
from wire.settings import load

#: Maximum number of attempts after interruptions, which do not count as failures.
MAX_RESTARTS = 1000

_context: Context | None = None


def get_context(metrics: IngestMetrics | None = None) -> Context:
    """The resources of this process, created from the environment at the first call: RQ only passes the job's id."""
    global _context
    if _context is None:
        settings = load(Settings, os.environ)
        _context = Context(
            redis=connect(settings.redis_url),
            settings=settings,
            metrics=metrics or IngestMetrics(CollectorRegistry()),
            client=make_client(settings.connect_timeout_s),
            make_detector=make_detectors(settings),
        )
    return _context


def decode(job_id: str) -> Retry | None:
    """Decode an upload; called by RQ. Any outcome relevant to the user is in the job's record afterwards."""
    context = get_context()
    attempt = get_current_job()
    final = attempt is None or not attempt.retries_left
    try:
        Decoding(job_id, context).run(final=final)
    except Interrupted:
        return Retry(max=MAX_RESTARTS)
    return None


def failed(attempt: RqJob, kind: type[BaseException], *_: object) -> None:
    """Handle a failed attempt; called by RQ. If its process was killed, it could not record the failure itself."""
    if kind is AbandonedJobError and not attempt.retries_left:
        Decoding(attempt.args[0], get_context()).give_up()
