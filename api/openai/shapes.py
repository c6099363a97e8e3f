"""Captions and errors in the formats of OpenAI's API (https://platform.openai.com/docs/api-reference/audio). Pure."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response
from werkzeug.datastructures import MultiDict

from api.http.problems import Problem
from api.text.cues import clean, timed_words
from api.text.formats import dumps
from wire.errors import BadRequest
from wire.languages import PHRASED
from wire.messages import Caption

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")

#: OpenAI's codes of errors that clients distinguish, by status and field.
_CODES = {
    (401, ""): "invalid_api_key",
    (404, "model"): "model_not_found",
    (408, ""): "session_expired",
    (422, "input_audio_buffer"): "input_audio_buffer_commit_empty",
}

_GRANULARITIES = {"word", "segment"}


@dataclass(frozen=True, slots=True)
class Options:
    """The options in a request's form that concern the answer. Other fields are ignored."""

    format: str
    granularities: frozenset[str]  # of the timestamps in verbose_json
    stream: bool

    @classmethod
    def of(cls, form: MultiDict[str, str]) -> Options:
        """Read a form.

        Raises:
            BadRequest: a field has an invalid value.
        """
        format = form.get("response_format") or "json"
        if format not in FORMATS:
            raise BadRequest(f"response_format {format[:20]!r} is not one of {', '.join(FORMATS)}", "response_format")
        name = "timestamp_granularities"
        granularities = frozenset(form.getlist(f"{name}[]") + form.getlist(name)) or frozenset({"segment"})
        if not granularities <= _GRANULARITIES:
            raise BadRequest(f"{name} may be word and segment", name)
        stream = form.get("stream", "").lower() in ("true", "1")
        if stream and format != "json":
            raise BadRequest(f"only response_format json can be streamed, not {format}", "stream")
        return cls(format, granularities, stream)


def words(caption: Caption) -> list[tuple[str, float]]:
    """The words of a caption with their times, each with the separator before it, also the first."""
    texts, separator, _ = timed_words(caption)
    between = " " if caption.language in PHRASED else separator
    return [((separator if n else between) + word, start_s) for n, (word, start_s) in enumerate(texts)]


def delta_text(caption: Caption, *, first: bool) -> str:
    """The text that a caption adds, preceded by a space unless it is the first or its script uses none."""
    text = "".join(word for word, _ in words(caption))
    return text.lstrip() if first else text


def joined_text(captions: Iterable[Caption]) -> str:
    """The text of captions, on one line."""
    text = ""
    for caption in captions:
        text += delta_text(caption, first=not text)
    return text


def plain(captions: Sequence[Caption], duration_s: float) -> dict[str, Any]:
    """`json`."""
    return {"text": joined_text(captions), "usage": {"type": "duration", "seconds": duration_s}}


def verbose(
    captions: Sequence[Caption], duration_s: float, *, task: str, language: str, granularities: Iterable[str]
) -> dict[str, Any]:
    """`verbose_json`: a segment is a caption. Times are in seconds from the beginning of the recording."""
    spoken = [caption for caption in captions if caption.text]
    body: dict[str, Any] = {"task": task, "language": language, "duration": duration_s, **plain(spoken, duration_s)}
    if "segment" in granularities:
        body["segments"] = [_segment(number, caption) for number, caption in enumerate(spoken)]
    if "word" in granularities:
        body["words"] = [
            {"word": word.text.strip(), "start": word.start_s, "end": word.end_s}
            for caption in spoken
            for word in caption.words
        ]
    return body


def model(name: str) -> dict[str, Any]:
    """A model. Its creation time is not known."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "undertext"}


def error(problem: Problem) -> dict[str, Any]:
    """A problem as the body of a response, or as an event of a stream."""
    return {
        "error": {
            "message": problem.detail,
            "type": "server_error" if problem.status >= 500 else "invalid_request_error",
            "param": problem.field or None,
            "code": _CODES.get((problem.status, problem.field)),
        }
    }


def response(problem: Problem) -> Response:
    """A problem as a response."""
    answer = Response(dumps(error(problem)) + "\n", problem.status, mimetype="application/json")
    answer.headers.update(problem.headers)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _segment(number: int, caption: Caption) -> dict[str, Any]:
    """A segment. Its quality figures are computed as in Whisper; those that we do not keep have harmless values."""
    text = clean(caption.text)
    sure = [math.log(word.confidence) for word in caption.words if word.confidence]
    utf8 = text.encode(errors="replace")
    return {
        "id": number,
        "seek": 0,
        "start": caption.start_s,
        "end": caption.end_s,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": sum(sure) / len(sure) if sure else 0.0,
        "compression_ratio": len(utf8) / len(zlib.compress(utf8)),
        "no_speech_prob": 0.0,
    }
