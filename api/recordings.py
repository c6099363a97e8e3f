"""`/microphones`: what was captioned of a microphone, for whoever lost its socket (`api.microphone`)."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from api import access, captions, formats
from api.context import context
from wire import keys
from wire.errors import UnknownSource
from wire.messages import Kind, State, source_name

blueprint = Blueprint("recordings", __name__)


@blueprint.before_request
def admit() -> None:
    """Whoever may speak may read: a browser that downloads a file cannot send headers either."""
    access.check_token(context().settings, request, socket=True)


@blueprint.get("/microphones/<id>/captions.<format>")
def download(id: str, format: str) -> Response:
    """All captions of a microphone that are kept, or those behind `after`, as a file."""
    ctx, source = context(), source_name(Kind.MICROPHONE, id)
    if not ctx.redis.exists(keys.status(source), keys.progress(source)):
        raise UnknownSource(f"there is no microphone {id!r}; its captions may have expired")
    state, progress = ctx.statuses.get(Kind.MICROPHONE, id).state, ctx.log.progress(source)
    if progress.finished:
        state = State.FINISHED
    elif state is State.FINISHED:
        state = State.RUNNING  # its last words are not captioned yet
    about = {"state": state, "language": next(iter(progress.languages), None), "languages": progress.languages}
    return captions.stretch(ctx.log, source, format, about=about, filename=id)


def urls(id: str) -> dict[str, str]:
    """Where the captions of a microphone are, by format."""
    return {format: url_for("recordings.download", id=id, format=format) for format in ("json", *formats.FORMATS)}
