"""`PATCH …/captions/N`: what was heard wrong is put right, in recordings, on stations and of microphones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint

from api import recordings
from api.context import context
from api.correcting import corrected
from api.cues import clean
from api.parameters import json_body, known_fields
from api.problems import Problem
from wire.errors import BadRequest, UnknownSource
from wire.messages import Caption, Content, Kind, source_name

blueprint = Blueprint("corrections", __name__)

#: Longest text of a caption, in characters: some screens of subtitles.
CAPTION_LIMIT = 500

#: So often the text of a caption is changed at most: each time the log grows by it.
MOST_REVISIONS = 100


@blueprint.patch("/jobs/<id>/captions/<int:number>")
def of_job(id: str, number: int) -> dict[str, Any]:
    """Correct a recording, which is kept as if it were new."""
    ctx, change = context(), _change(number)
    ctx.jobs.get(id)
    source = source_name(Kind.JOB, id)
    caption = ctx.log.revise(source, number, change)
    ctx.archivist.revised(source)
    ctx.jobs.renew(id)
    return caption.as_dict()


@blueprint.patch("/stations/<id>/captions/<int:number>")
def of_station(id: str, number: int) -> dict[str, Any]:
    """Correct what a station said lately: its archive follows its log, and what is in the archive alone stays."""
    ctx, change = context(), _change(number)
    ctx.stations.get(id)
    try:
        return ctx.log.revise(source_name(Kind.STATION, id), number, change).as_dict()
    except UnknownSource as error:
        raise UnknownSource(f"{error}, or none that is still in its log: what is older stays as it is") from error


@blueprint.patch("/microphones/<id>/captions/<int:number>")
def of_microphone(id: str, number: int) -> dict[str, Any]:
    """Correct what was said into a microphone."""
    ctx, change = context(), _change(number)
    recordings.state(ctx, id)
    return ctx.log.revise(source_name(Kind.MICROPHONE, id), number, change).as_dict()


def _change(number: int) -> Callable[[Caption], Caption]:
    """What the request makes of its caption: another text, or an empty one, which takes it away.

    Raises:
        BadRequest: it does not say what; the message names the field.
    """
    values = json_body()
    known_fields(values, ("text", "revision"))
    if not isinstance(text := values.get("text"), str):
        raise BadRequest("text is what is said there, or an empty text if nothing is", "text")
    if len(text := clean(text)) > CAPTION_LIMIT:
        raise BadRequest(f"text is longer than {CAPTION_LIMIT} characters: a caption is a screen of subtitles", "text")
    seen = values.get("revision")
    if seen is not None and (not isinstance(seen, int) or isinstance(seen, bool)):
        raise BadRequest("revision must be the number that the caption had when it was read", "revision")

    def change(caption: Caption) -> Caption:
        if not caption.final:
            raise Problem(409, f"Caption {number} is not final yet: it may still change. Try again in a few seconds.")
        if caption.content is Content.GAP:
            raise Problem(409, f"Caption {number} is a gap: audio was lost there, and nobody knows what was said.")
        if caption.corrected and caption.text == text:
            return caption  # it was sent before, and the answer was lost
        if seen is not None and seen != caption.revision:
            now = caption.text or "nobody says anything there"
            raise Problem(409, f"Caption {number} has been corrected meanwhile: {now}", field="revision")
        if caption.revision >= MOST_REVISIONS:
            raise Problem(409, f"Caption {number} has been changed {MOST_REVISIONS} times, and stays as it is.")
        return corrected(caption, text)

    return change
