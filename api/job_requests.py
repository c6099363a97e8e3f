"""Turns a request with a recording, or its URL, into a job; for `/jobs` and for OpenAI's API."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import request
from werkzeug.datastructures import MultiDict

from api import on_air, uploads
from api.context import Context
from api.http.parameters import (
    NAME_LIMIT,
    URL_LIMIT,
    hot_words,
    http_url,
    json_body,
    known_fields,
    language,
    split_list,
    task,
    text_field,
)
from api.http.problems import Problem
from wire.errors import BadRequest
from wire.messages import Job

#: Options of a recording, in a form, a JSON object or the query.
OPTIONS = ("language", "task", "track", "hot_words")

_AS_A_FILE = "the form field `file` (curl -F file=@talk.mp3, with the @)"


def _form_options(form: MultiDict[str, str]) -> Mapping[str, str]:
    """The options in a form of `/jobs`; other fields are rejected."""
    known_fields(request.args, OPTIONS)
    known_fields((name or "" for name in form), ("file", *OPTIONS))  # a part of a form may have no name
    return {**form, "hot_words": "\n".join(form.getlist("hot_words"))}  # the field may be repeated


def upload_job(ctx: Context, read_options: Callable[[MultiDict[str, str]], Mapping[str, Any]] = _form_options) -> Job:
    """Store the file of a multipart request; return its job.

    Args:
        read_options: returns the OPTIONS in the request's form, or rejects the form before the file is kept.

    Raises:
        BadRequest: the file is missing, or an option is invalid.
        Problem: 413, it is too large; 507, the disk is full.
    """
    settings = ctx.settings
    with uploads.receiving(request, settings.uploads_dir, settings.max_upload_bytes) as incoming:
        file = incoming.files.get("file")
        if file is None or not incoming.parts:
            raise BadRequest(f"send the recording as {_AS_A_FILE}")
        file.stream.seek(0, 2)
        size = file.stream.tell()
        file.close()
        if not size:
            name = display_name(file.filename or "") or "the file"
            raise BadRequest(f"{name} is empty (0 bytes); save it again and upload the new file")
        if size > settings.max_upload_bytes:
            raise Problem(
                413, f"The file has {size} bytes; {settings.max_upload_bytes} are allowed (MAX_UPLOAD_BYTES)."
            )
        options = _options(ctx, read_options(incoming.form))
        filename = display_name(file.filename or "")
        job = _job(filename=filename, **options)
        target = settings.uploads_dir / f"{job.id}{uploads.suffix_of(filename)}"
        incoming.parts[0].rename(target)
    ctx.metrics.uploads.inc(size)
    return replace(job, path=f"uploads/{target.name}")


def fetch_job(ctx: Context) -> Job:
    """The job of a JSON request with the URL of a recording.

    Raises:
        BadRequest: a field is missing or invalid.
        Problem: 415, the request is not JSON.
    """
    values = json_body(f", or the recording as {_AS_A_FILE}")
    known_fields(request.args, OPTIONS)
    known_fields(values, ("url", *OPTIONS))
    url = http_url(text_field(values, "url", limit=URL_LIMIT, required=True))
    texts = {name: str(value) for name, value in values.items() if value is not None}
    options = _options(ctx, {**texts, "hot_words": values.get("hot_words")})
    name = unquote(PurePosixPath(urlsplit(url).path).name)
    return _job(filename=display_name(name), url=url, **options)


def _options(ctx: Context, values: Mapping[str, Any]) -> dict[str, Any]:
    """Language, task, audio track and hot words from a form or JSON, or else from the query: fields of a job."""
    code, task_name, track, words = (values.get(name) or request.args.get(name, "") for name in OPTIONS)
    if track and not (track.isascii() and track.isdigit() and len(track) < 3):
        raise BadRequest("track must be the number of an audio track, from 0", "track")
    spoken, requested_task = language(code), task(task_name)
    on_air.check(ctx.redis, spoken, requested_task)
    return {
        "language": spoken,
        "task": requested_task,
        "track": int(track) if track else None,
        "hot_words": hot_words(split_list(words) if isinstance(words, str) else words),
    }


def display_name(name: str) -> str:
    """A file name that is safe to display: without folders and control characters, and not too long."""
    return "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable())[-NAME_LIMIT:]


def _job(**fields: Any) -> Job:
    return Job(id=secrets.token_hex(10), created_s=time.time(), **fields)
