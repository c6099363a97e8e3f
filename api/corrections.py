"""`PATCH …/captions/N`: correct a caption of a recording, a station or a microphone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from api import microphone_captions
from api.archive.rows import SAME_S
from api.archive.store import ArchiveError
from api.context import context
from api.http.parameters import json_body, known_fields
from api.http.problems import Problem
from api.text.corrected_words import corrected
from api.text.cues import clean
from wire.errors import BadRequest, UnknownSource
from wire.messages import Caption, Content, Kind, source_name

blueprint = Blueprint("corrections", __name__)

#: Longest text of a caption, in characters: some screens of subtitles.
CAPTION_LIMIT = 500

#: Most changes of one caption's text: the log grows with each.
MAX_REVISIONS = 100


@dataclass(frozen=True, slots=True)
class Correction:
    """The correction that a request asks for: another text, or an empty one, which withdraws the caption.

    Attributes:
        number: the caption's id.
        seen: the revision that the client has read, if given.
        start_s: when the caption begins, if given: ids restart at 1 when Redis loses its data.
    """

    number: int
    text: str
    seen: int | None
    start_s: float | None

    def __call__(self, caption: Caption) -> Caption:
        """The corrected caption.

        Raises:
            UnknownSource: `start_s` belongs to another caption.
            Problem: it cannot be corrected, or was corrected in the meantime.
        """
        number, text = self.number, self.text
        if self.start_s is not None and abs(caption.start_s - self.start_s) >= SAME_S:
            raise UnknownSource(f"{caption.source} has no caption {number} that begins at {self.start_s}")
        if not caption.final:
            raise Problem(409, f"Caption {number} is not final yet and may still change. Try again in a few seconds.")
        if caption.content is Content.GAP:
            raise Problem(409, f"Caption {number} is a gap: audio was lost there, so there is no text to correct.")
        if caption.corrected and caption.text == text:
            return caption  # a repeated request whose first answer was lost
        if self.seen is not None and self.seen < caption.revision:
            now = caption.text or "it was withdrawn"
            raise Problem(409, f"Caption {number} was corrected in the meantime: {now}", field="revision")
        if caption.revision >= MAX_REVISIONS:
            raise Problem(409, f"Caption {number} has been changed {MAX_REVISIONS} times and cannot be changed again.")
        return corrected(caption, text)


@blueprint.patch("/jobs/<id>/captions/<int:number>")
def of_job(id: str, number: int) -> dict[str, Any]:
    """Correct a caption of a recording, whose retention starts again."""
    ctx, correction = context(), _correction(number)
    ctx.jobs.get(id)
    source = source_name(Kind.JOB, id)
    caption = ctx.log.revise(source, number, correction)
    ctx.archivist.mark_revised(source)
    ctx.jobs.renew(id)
    return caption.as_dict()


@blueprint.patch("/stations/<id>/captions/<int:number>")
def of_station(id: str, number: int) -> dict[str, Any]:
    """Correct a station's caption: in its log, which the archive follows, or in the archive if only that has it."""
    ctx, correction = context(), _correction(number)
    ctx.stations.get(id)
    source = source_name(Kind.STATION, id)
    try:
        return ctx.log.revise(source, number, correction).as_dict()
    except UnknownSource:
        pass
    try:
        caption = ctx.archivist.revise(source, number, correction.start_s, correction)
    except ArchiveError as error:
        raise Problem(503, f"The caption cannot be corrected: {error}.") from error
    ctx.log.publish_correction(caption)
    return caption.as_dict()


@blueprint.patch("/microphones/<id>/captions/<int:number>")
def of_microphone(id: str, number: int) -> dict[str, Any]:
    """Correct a caption of a microphone."""
    ctx, correction = context(), _correction(number)
    microphone_captions.state(ctx, id)
    return ctx.log.revise(source_name(Kind.MICROPHONE, id), number, correction).as_dict()


def _correction(number: int) -> Correction:
    """The correction in the request's body.

    Raises:
        BadRequest: a field is missing or invalid; the message names it.
    """
    values = json_body()
    known_fields(values, ("text", "revision", "start_s"))
    if not isinstance(text := values.get("text"), str):
        raise BadRequest("text is required: the corrected text, or an empty string if nothing is said there", "text")
    if text.strip() and not clean(text):
        raise BadRequest("text contains only characters that cannot be displayed", "text")
    if len(text := clean(text)) > CAPTION_LIMIT:
        raise BadRequest(f"text is longer than {CAPTION_LIMIT} characters: a caption is a screen of subtitles", "text")
    seen, start_s = values.get("revision"), values.get("start_s")
    if seen is not None and (not isinstance(seen, int) or isinstance(seen, bool)):
        raise BadRequest("revision must be the revision number of the caption that you read", "revision")
    if start_s is not None and (
        isinstance(start_s, bool) or not isinstance(start_s, int | float) or not start_s < 1e12
    ):
        raise BadRequest("start_s must be the start_s of the caption that you read", "start_s")
    return Correction(number, text, seen, start_s)
