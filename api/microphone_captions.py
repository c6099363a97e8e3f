"""`/microphones`: the captions of a microphone (`api.microphones.websocket`), for every client that has its id."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from api import captions
from api.context import Context, context
from api.http.parameters import known_fields
from api.text import formats
from wire import keys
from wire.errors import UnknownSource
from wire.messages import Kind, State, source_name

blueprint = Blueprint("microphone_captions", __name__)


@blueprint.get("/microphones/<id>/captions.<format>")
def download(id: str, format: str) -> Response:
    """All captions of a microphone that are kept, or those after `after`, as a file."""
    ctx, source = context(), source_name(Kind.MICROPHONE, id)
    known_fields(request.args, ("after", "limit"))
    now, progress = state(ctx, id), ctx.log.progress(source)
    if progress.finished:
        now = State.FINISHED
    elif now is State.FINISHED:
        now = State.RUNNING  # its last words are not captioned yet
    about = {"state": now, "language": next(iter(progress.languages), None), "languages": progress.languages}
    return captions.log_response(ctx.log, source, format, about=about, filename=id)


def state(ctx: Context, id: str) -> State:
    """The state of a microphone.

    Raises:
        UnknownSource: there is none with this id.
    """
    source = source_name(Kind.MICROPHONE, id)
    if not ctx.redis.exists(keys.status(source), keys.progress(source)):
        raise UnknownSource(f"there is no microphone {id!r}; its captions may have expired")
    return ctx.statuses.get(Kind.MICROPHONE, id).state


def urls(id: str) -> dict[str, str]:
    """The addresses of a microphone's captions, by format."""
    known = ("json", *formats.FORMATS)
    return {format: url_for("microphone_captions.download", id=id, format=format) for format in known}
