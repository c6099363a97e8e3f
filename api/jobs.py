"""`/jobs`: recordings, uploaded or fetched, that are captioned once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from flask import Blueprint, Response, request, url_for

from api import captions, uploads
from api.archive.merging import Period
from api.context import Context, context
from api.http import access
from api.http.parameters import (
    RECORDING_TIME,
    int_query,
    known_fields,
    mask_password,
    next_page,
    period_query,
    seconds_query,
)
from api.http.problems import Problem
from api.job_requests import fetch_job, upload_job
from api.live.follow import ABORTED
from api.text import formats
from wire import jobs as queue
from wire.captions import Progress
from wire.errors import QueueFull
from wire.messages import Caption, Content, Job, Kind, State, Status, source_name

blueprint = Blueprint("jobs", __name__)

#: What a model invents from speech or noise, by the transcriber's reason for rejecting it.
INVENTED = {
    "loop": "the same words over and over",
    "compression": "repetitive text",
    "rate": "more than can be said in that time",
    "repeated": "the text that it had written before",
}

#: Most jobs on a page, and the default.
LIMIT, DEFAULT_LIMIT = 500, 50


@blueprint.get("/jobs")
def index() -> tuple[dict[str, Any], dict[str, str]]:
    """Jobs, newest first, with a link to the next page.

    Clients that may upload recordings may list them. A job's own address is open: its id has 80 random bits, and a link
    to its captions carries no header.
    """
    ctx = context()
    access.check_token(ctx.settings, request)
    known_fields(request.args, ("limit", "before"))
    limit = int_query("limit", DEFAULT_LIMIT, minimum=1, maximum=LIMIT)
    jobs, next_s = ctx.jobs.page(limit, seconds_query("before", math.inf))
    more = {} if next_s is None else {"Link": next_page(before=next_s, limit=limit)}
    return {"jobs": _views(ctx, jobs)}, more


@blueprint.post("/jobs")
def create() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Accept an upload, or a URL to fetch, and queue it."""
    ctx = context()
    job = submit(ctx, lambda: upload_job(ctx) if request.mimetype == "multipart/form-data" else fetch_job(ctx))
    return view(ctx, job), 202, {"Location": url_for("jobs.show", id=job.id)}


def submit(ctx: Context, receive: Callable[[], Job]) -> Job:
    """Call `receive` for the request's job; store and queue it if there is room.

    Raises:
        QueueFull: too many jobs are waiting; nothing is kept of this one.
    """
    limit = ctx.settings.max_jobs_waiting
    queue.check_room(ctx.redis, limit)  # before the recording is sent, rather than after
    uploads.sweep(ctx.settings.uploads_dir, ctx.settings.retention_s)
    job = receive()
    try:
        ctx.jobs.save(job)
        queue.enqueue_decode(ctx.redis, job.id, timeout_s=ctx.settings.job_timeout_s, limit=limit)
    except BaseException as error:
        uploads.remove(Path(ctx.settings.data_dir), job.path)
        if isinstance(error, QueueFull):
            ctx.jobs.remove(job.id)
        raise
    return job


@blueprint.get("/jobs/<id>")
def show(id: str) -> dict[str, Any]:
    """One job."""
    ctx = context()
    return view(ctx, ctx.jobs.get(id))


@blueprint.delete("/jobs/<id>")
def remove(id: str) -> tuple[str, int]:
    """Cancel a running job; delete a settled one. Its file and captions are deleted in either case."""
    ctx = context()
    job = ctx.jobs.get(id)
    source = source_name(Kind.JOB, id)
    if state_of(job, ctx.log.progress(source)).ended:
        ctx.jobs.remove(id)
        ctx.log.delete(source)
        ctx.archivist.delete(source)
        uploads.remove(Path(ctx.settings.data_dir), job.path)
    else:
        cancel(ctx, job)
    return "", 204


def cancel(ctx: Context, job: Job) -> None:
    """Cancel a running job and delete its file and captions."""
    source = source_name(Kind.JOB, job.id)
    ctx.jobs.change(job.id, state=State.CANCELLED)
    queue.cancel_decode(ctx.redis, job.id)
    ctx.log.delete(source)
    ctx.archivist.delete(source)
    ctx.statuses.save(Status(source, State.CANCELLED, since_s=time.time()))
    uploads.remove(Path(ctx.settings.data_dir), job.path)


@blueprint.get("/jobs/<id>/captions.<format>")
def download(id: str, format: str) -> Response:
    """Captions, or a part of them, as a file: 200 if they are complete; 202 with those so far if not."""
    ctx = context()
    known_fields(request.args, ("from", "to"))
    from_s, to_s = period_query(RECORDING_TIME)
    job = ctx.jobs.get(id)
    progress = ctx.log.progress(source_name(Kind.JOB, id))
    with captions.slot(progress.event):
        return _download(ctx, job, progress, format, from_s, to_s)


def _download(ctx: Context, job: Job, progress: Progress, format: str, from_s: float, to_s: float) -> Response:
    source = source_name(Kind.JOB, job.id)
    state = state_of(job, progress)
    all_captions = captions.all_captions(ctx.log, source)
    if state is State.CANCELLED:
        raise Problem(410, "The job was cancelled; its captions are deleted.")
    if state is State.FAILED and not any(caption.text for caption in all_captions):
        why = job.error or "see the log of ingest"
        raise Problem(409, f"The job failed: {name_of(job)}: {why}")
    about = {
        "source": source,
        "state": state,
        "warning": "" if job.error else warning_of(job, progress, lambda: all_captions),
        "language": job.language or next(iter(progress.languages), None),
        "languages": progress.languages,
        "task": job.task,
        "duration_s": job.duration_s,
        "next": max((caption.event for caption in all_captions), default=0),
    }
    name = PurePosixPath(job.filename).stem or job.id
    if from_s > 0:
        name += f" from {from_s:g} s"
    selected = [caption for caption in all_captions if caption.end_s > from_s and caption.start_s < to_s]
    answer = captions.captions_response(
        selected,
        format,
        about=about,
        complete=state is State.FINISHED,
        period=Period(from_s, to_s),
        filename=name,
    )
    if not state.ended:
        answer.status_code = 202
        answer.headers["Retry-After"] = "2"
    return answer


def name_of(job: Job) -> str:
    """The name of a job's recording, without a password."""
    return job.filename or mask_password(job.url) or job.id


def state_of(job: Job, progress: Progress) -> State:
    """A job's state: it is finished when its last caption is committed, not when it is decoded."""
    if job.state in ABORTED:
        return job.state
    if progress.finished:
        return State.FINISHED
    return State.RUNNING if job.state is State.FINISHED else job.state


def progress_of(job: Job, progress: Progress) -> float:
    """The part of a job that is captioned, from 0 to 1; 1 only when all is. For a failed job, the part that was.

    If the model does not support the job's task, its chunks become gaps, which do not count as captioned.
    """
    failed = job.state is State.FAILED
    if progress.finished and not failed:
        return 1.0
    if not job.duration_s or (failed and not progress.languages):
        return 0.0
    return round(min(0.99, max(0.0, progress.until_s / job.duration_s)), 4)


def warning_of(job: Job, progress: Progress, read_captions: Callable[[], Iterable[Caption]]) -> str:
    """What a job's captions lack because of its recording, or why there are none.

    Args:
        read_captions: reads its captions; called only if there are probably none.
    """
    quiet = progress.finished and not progress.languages
    if quiet and progress.event:  # speech that was withdrawn does not count; a gap may have been speech
        quiet = not any(caption.text or caption.content is Content.GAP for caption in read_captions())
    silent = _why_empty(progress) if quiet else ""
    other = (
        f"some or all of it sounds like {progress.sounded_like}, but was transcribed as {job.language}, as requested: "
        "send it again with another language, or without one"
        if progress.sounded_like
        else ""
    )
    return "; ".join(reason for reason in (job.warning, silent, other) if reason)


def _why_empty(progress: Progress) -> str:
    """Why a job without captions has none, though all of it was transcribed."""
    invented = [INVENTED[reason] for reason in progress.rejected if reason in INVENTED]
    if not invented:
        return "the model found no speech in the recording"
    return (
        f"the model wrote nothing credible, only {' and '.join(invented)}: "
        "if there is speech in the recording, try another model or language"
    )


def view(ctx: Context, job: Job) -> dict[str, Any]:
    """A job as clients see it."""
    return _views(ctx, [job])[0]


def _views(ctx: Context, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Jobs as clients see them."""
    progress = ctx.log.progress_of_all([source_name(Kind.JOB, job.id) for job in jobs])
    statuses = ctx.statuses.many(Kind.JOB, [job.id for job in jobs])
    return [_view(ctx, *each) for each in zip(jobs, progress, statuses, strict=True)]


def _view(ctx: Context, job: Job, progress: Progress, status: Status) -> dict[str, Any]:
    source = source_name(Kind.JOB, job.id)
    self = url_for("jobs.show", id=job.id)
    return {
        "id": job.id,
        "state": state_of(job, progress),
        "progress": progress_of(job, progress),
        "error": job.error,
        "warning": "" if job.error else warning_of(job, progress, lambda: captions.all_captions(ctx.log, source)),
        "detail": "" if job.error else _queue_position(ctx, job) or status.detail,
        "filename": job.filename,
        "url": access.visible_url(ctx.settings, request, job.url),
        "language": job.language,
        "languages": progress.languages,
        "task": job.task,
        "hot_words": job.hot_words,
        "created_s": job.created_s,
        "duration_s": job.duration_s,
        "track": job.track,
        "tracks": job.tracks,
        "codec": status.codec,
        "sample_rate_hz": status.sample_rate_hz,
        "channels": status.channels,
        "urls": {
            "self": self,
            "live": f"{self}/live",
            "events": url_for("events.job", id=job.id),
            **{format: f"{self}/captions.{format}" for format in ("json", *formats.FORMATS)},
        },
    }


def _queue_position(ctx: Context, job: Job) -> str:
    """How many uploads will be decoded before a waiting job, in words; empty if none."""
    before = queue.decodes_before(ctx.redis, job.id) if job.state is State.WAITING else 0
    return f"{before} {'recording is' if before == 1 else 'recordings are'} before it" if before else ""
