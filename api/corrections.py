"""`PATCH …/captions/N`: what was heard wrong is put right, in recordings, on stations and of microphones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from api import recordings
from api.archive.rows import SAME_S
from api.archive.store import ArchiveError
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


@dataclass(frozen=True, slots=True)
class Correction:
    """What a request makes of its caption: another text, or an empty one, which takes it away.

    Attributes:
        number: the caption's id.
        seen: the revision that the caller had read, if he says so.
        start_s: when the caption begins, if he says so: where a database was lost, its numbers have begun anew.
    """

    number: int
    text: str
    seen: int | None
    start_s: float | None

    def __call__(self, caption: Caption) -> Caption:
        """The caption as it is to be.

        Raises:
            UnknownSource: another one is meant.
            Problem: it cannot be corrected, or has been meanwhile.
        """
        number, text = self.number, self.text
        if self.start_s is not None and abs(caption.start_s - self.start_s) >= SAME_S:
            raise UnknownSource(f"{caption.source} has no caption {number} that begins at {self.start_s}")
        if not caption.final:
            raise Problem(409, f"Caption {number} is not final yet: it may still change. Try again in a few seconds.")
        if caption.content is Content.GAP:
            raise Problem(409, f"Caption {number} is a gap: audio was lost there, and nobody knows what was said.")
        if caption.corrected and caption.text == text:
            return caption  # it was sent before, and the answer was lost
        if self.seen is not None and self.seen < caption.revision:
            now = caption.text or "nobody says anything there"
            raise Problem(409, f"Caption {number} has been corrected meanwhile: {now}", field="revision")
        if caption.revision >= MOST_REVISIONS:
            raise Problem(409, f"Caption {number} has been changed {MOST_REVISIONS} times, and stays as it is.")
        return corrected(caption, text)


@blueprint.patch("/jobs/<id>/captions/<int:number>")
def of_job(id: str, number: int) -> dict[str, Any]:
    """Correct a recording, which is kept as if it were new."""
    ctx, correction = context(), _correction(number)
    ctx.jobs.get(id)
    source = source_name(Kind.JOB, id)
    caption = ctx.log.revise(source, number, correction)
    ctx.archivist.revised(source)
    ctx.jobs.renew(id)
    return caption.as_dict()


@blueprint.patch("/stations/<id>/captions/<int:number>")
def of_station(id: str, number: int) -> dict[str, Any]:
    """Correct what a station said: in its log, which its archive follows, or in the archive, if it is there alone."""
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
        raise Problem(503, f"It cannot be corrected: {error}.") from error
    ctx.log.tell(caption)
    return caption.as_dict()


@blueprint.patch("/microphones/<id>/captions/<int:number>")
def of_microphone(id: str, number: int) -> dict[str, Any]:
    """Correct what was said into a microphone."""
    ctx, correction = context(), _correction(number)
    recordings.state(ctx, id)
    return ctx.log.revise(source_name(Kind.MICROPHONE, id), number, correction).as_dict()


def _correction(number: int) -> Correction:
    """What the request asks for.

    Raises:
        BadRequest: it does not say what; the message names the field.
    """
    values = json_body()
    known_fields(values, ("text", "revision", "start_s"))
    if not isinstance(text := values.get("text"), str):
        raise BadRequest("text is what is said there, or an empty text if nothing is", "text")
    if text.strip() and not clean(text):
        raise BadRequest("text holds characters that cannot be shown, and nothing else", "text")
    if len(text := clean(text)) > CAPTION_LIMIT:
        raise BadRequest(f"text is longer than {CAPTION_LIMIT} characters: a caption is a screen of subtitles", "text")
    seen, start_s = values.get("revision"), values.get("start_s")
    if seen is not None and (not isinstance(seen, int) or isinstance(seen, bool)):
        raise BadRequest("revision must be the number that the caption had when it was read", "revision")
    if start_s is not None and (
        isinstance(start_s, bool) or not isinstance(start_s, int | float) or not start_s < 1e12
    ):
        raise BadRequest("start_s must be the time at which the caption begins, as it was read", "start_s")
    return Correction(number, text, seen, start_s)
