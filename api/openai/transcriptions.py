"""`/v1`: OpenAI's API for transcriptions and translations, for its clients.

A request is a job like any other: it is queued, survives the death of a worker, and is listed at `/jobs`. The client
waits on a greenlet, at no cost to others. If it disconnects before the end, its job is cancelled: no other client knows
of it, and clients that time out send the same recording again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from api import job_requests, jobs, on_air
from api.context import Context, context
from api.http import problems, sockets, sse
from api.http.parameters import NAME_LIMIT, prompt_hot_words
from api.http.problems import Problem
from api.live.viewer import Signal
from api.openai import shapes
from api.openai.shapes import Options, delta_text, joined_text
from api.text import formats
from wire.bus import RedisError
from wire.captions import latest_revisions
from wire.errors import UndertextError
from wire.messages import Caption, Job, Kind, State, Task, source_name

#: Prefix of all paths; errors under it have OpenAI's format.
PREFIX = "/v1"

blueprint = Blueprint("openai", __name__, url_prefix=PREFIX)

#: How often a waiting request checks that its client is still connected, and reads the log even if nothing was
#: published, in seconds. A stream then sends a comment, so that proxies do not time out.
POLL_S = 2.0


@blueprint.get("/models")
def models() -> dict[str, Any]:
    """The models on air."""
    names = on_air.models(context().redis)
    return {"object": "list", "data": [shapes.model(name) for name in names]}


@blueprint.get("/models/<path:id>")
def model(id: str) -> dict[str, Any]:
    """A model of any name: requests may use any, also a hub id with a slash."""
    if len(id) > NAME_LIMIT or not id.isprintable():
        raise Problem(404, f"A model's name has at most {NAME_LIMIT} printable characters.", field="model")
    return shapes.model(id)


@blueprint.post("/audio/transcriptions")
def transcribe() -> Response:
    """Caption a recording, and wait for the result."""
    return _answer("transcribe")


@blueprint.post("/audio/translations")
def translate() -> Response:
    """Caption a recording in English, and wait for the result."""
    return _answer("translate")


def _answer(task: Task) -> Response:
    ctx = context()
    options: Options

    def read_options(form: MultiDict[str, str]) -> dict[str, Any]:
        nonlocal options
        options = Options.of(form)  # rejects an invalid form before there is a job
        return {
            "language": form.get("language", ""),
            "task": task,
            "hot_words": prompt_hot_words(form.get("prompt", "")),
        }

    job = jobs.submit(ctx, lambda: job_requests.upload_job(ctx, read_options))
    if options.stream:
        answer: Response = sse.EventStream(_events(ctx, job), ctx.settings.send_timeout_s)
    else:
        answer = _document(ctx, job, options, _wait(ctx, job))
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Request-Id"] = job.id  # OpenAI's clients show it
    return answer


def _document(ctx: Context, job: Job, options: Options, captions: list[Caption]) -> Response:
    """The captions of a finished job, in the requested format."""
    if options.format == "text":
        return Response(joined_text(captions) + "\n", mimetype="text/plain")
    if options.format in formats.FORMATS:
        known = formats.FORMATS[options.format]
        return Response(known.render(captions, 0.0), content_type=f"{known.media_type}; charset=utf-8")
    probed_s = ctx.jobs.get(job.id).duration_s
    duration_s = max((caption.end_s for caption in captions), default=0.0) if probed_s is None else probed_s
    if options.format == "json":
        values = shapes.plain(captions, duration_s)
    else:
        languages = ctx.log.progress(source_name(Kind.JOB, job.id)).languages
        values = shapes.verbose(
            captions,
            duration_s,
            task=job.task or "",
            language=job.language or next(iter(languages), ""),
            granularities=options.granularities,
        )
    return Response(formats.dumps(values), mimetype="application/json")


def _wait(ctx: Context, job: Job) -> list[Caption]:
    """Wait for a job; return all its captions.

    Raises:
        Problem: it failed or was cancelled, or the client has disconnected.
    """
    captions: list[Caption] = []
    for page in _pages(ctx, job):
        captions += page
        if not page and sockets.disconnected(request):
            jobs.cancel(ctx, job)
            raise Problem(499, "The client disconnected; its job is cancelled.")
    return latest_revisions(captions)


def _events(ctx: Context, job: Job) -> Generator[str]:
    """Captions as server-sent events, each once it is final; an error is an event, too."""
    text = ""
    try:
        for page in _pages(ctx, job):
            if not page:
                yield sse.COMMENT
            for caption in page:
                # A corrected caption was sent in its original wording.
                if caption.final and not caption.corrected and (delta := delta_text(caption, first=not text)):
                    text += delta
                    yield _event({"type": "transcript.text.delta", "delta": delta})
    except GeneratorExit:
        jobs.cancel(ctx, job)
        raise
    except (Problem, UndertextError) as error:  # the status was sent already
        yield _event(shapes.error(problems.from_error(error)))
        return
    yield _event({"type": "transcript.text.done", "text": text})


def _event(values: dict[str, Any]) -> str:
    return sse.event(formats.dumps(values))


def _pages(ctx: Context, job: Job) -> Iterator[list[Caption]]:
    """Yield captions as they are committed, in every revision, until the job has finished; now and then an empty page.

    Publications only wake this generator: the log has everything, in order, even after an outage of Redis.

    Raises:
        Problem: the job failed or was cancelled, or the server is stopping.
    """
    source, after = source_name(Kind.JOB, job.id), 0
    with ctx.hub.watch(source) as viewer:
        while True:
            page: list[Caption] = []
            state = State.WAITING
            try:
                progress = ctx.log.progress(source)  # before the log: a finished job has written everything
                page = ctx.log.read(source, after)
                if not page:
                    job = ctx.jobs.get(job.id)
                    state = jobs.state_of(job, progress)
            except RedisError as error:
                problems.redis_unavailable(error)  # only logs it: the job is not lost
            if state.ended:
                break
            yield page
            if page:
                after = page[-1].event
            elif viewer.take(POLL_S) is Signal.CLOSED:
                raise Problem(503, f"The server is stopping; the job continues as /jobs/{job.id}.")
    if state is State.FAILED:
        raise Problem(422, job.error or "The job failed; see the log of ingest.")
    if state is State.CANCELLED:
        raise Problem(410, "The job was cancelled; its captions are deleted.")
