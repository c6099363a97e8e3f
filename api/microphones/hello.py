"""The first message of a microphone client: `{"sample_rate": 48000, "language": "sv"}`, and its other fields."""

from __future__ import annotations

import json
import math
import secrets
from dataclasses import dataclass
from typing import Any

from api.http.parameters import hot_words, json_object, known_fields, language, task
from api.microphones.sample_format import SampleFormat
from wire.errors import BadRequest
from wire.messages import Hello

#: Fields of a hello; all but the rate are optional.
_FIELDS = ("sample_rate", "format", "channels", "language", "task", "hot_words", "resume", "after", "kept_from_s")

#: Sample rates of sound cards, in Hz.
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000

#: Interleaved channels that ingest mixes down.
MAX_CHANNELS = 8

#: Floats a second, of all channels together, as many as are converted in some hundredths of a second: 48 kHz in stereo.
MAX_FLOATS_PER_S = 96_000


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first message of a client.

    Attributes:
        key: the secret of the recording whose id is in `hello`; a client that has it may resume the recording.
        resumes: whether this client does.
        after: the event of the last caption that it has seen.
        kept_from_s: the client still has its audio from this time in the recording, in seconds; None: not given.
    """

    hello: Hello
    key: str
    format: SampleFormat
    resumes: bool
    after: int
    kept_from_s: float | None

    @property
    def resume(self) -> str:
        """The `resume` field of `ready`, with which another connection can resume the recording."""
        return f"{self.hello.id}.{self.key}"


def parse_hello(message: str | bytes | None) -> Greeting:
    """Parse a hello: what ingest is told about a microphone, and how its samples are encoded.

    Raises:
        BadRequest: the hello is missing or invalid; the message names the field.
    """
    values = json_object(message) if isinstance(message, str) else None
    if values is None:
        raise BadRequest('the first message must be JSON such as {"sample_rate": 48000, "language": "sv"}')
    known_fields(values, _FIELDS)
    code, task_name = values.get("language"), values.get("task")
    if code is not None and not isinstance(code, str):
        raise BadRequest("language must be a code such as sv")
    if task_name is not None and not isinstance(task_name, str):
        raise BadRequest("task must be transcribe or translate")
    channels = values.get("channels", 1)
    if isinstance(channels, bool) or not isinstance(channels, int) or not 1 <= channels <= MAX_CHANNELS:
        raise BadRequest(f"channels must be from 1 to {MAX_CHANNELS}")
    resume, after = values.get("resume"), values.get("after", 0)
    if resume is not None and not (isinstance(resume, str) and resume.isascii()):
        raise BadRequest("resume must be the field of that name in `ready`")
    if isinstance(after, bool) or not isinstance(after, int) or after < 0:
        raise BadRequest("after must be the event number of a caption, from 0")
    if after and not resume:
        raise BadRequest("after needs resume: a new recording has no captions yet")
    kept_from_s = values.get("kept_from_s")
    if kept_from_s is not None and not (type(kept_from_s) in (int, float) and 0 <= kept_from_s < math.inf):
        raise BadRequest("kept_from_s must be a time in the recording in seconds, from 0")
    id, _, key = resume.partition(".") if resume else (secrets.token_hex(8), "", secrets.token_urlsafe(16))
    words = hot_words(values.get("hot_words"))
    hello = Hello(id, _rate_hz(values), language(code or ""), channels, task(task_name or ""), words)
    format = _format(values)
    if format is SampleFormat.F32LE and hello.sample_rate * channels > MAX_FLOATS_PER_S:
        raise BadRequest(
            f"f32le is limited to {MAX_FLOATS_PER_S} samples a second in all channels together, such as 48000 in 2; "
            "send s16le, fewer channels or a lower sample_rate"
        )
    return Greeting(hello, key, format, bool(resume), after, kept_from_s)


def _rate_hz(values: dict[str, Any]) -> int:
    if "sample_rate" not in values:
        raise BadRequest('sample_rate is missing from the hello; send for example {"sample_rate": 48000}')
    rate = values["sample_rate"]
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise BadRequest(f"sample_rate must be a number such as 48000, not {json.dumps(rate)[:40]}")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise BadRequest(f"sample_rate must be from {MIN_RATE_HZ} to {MAX_RATE_HZ}")
    return round(rate)


def _format(values: dict[str, Any]) -> SampleFormat:
    try:
        return SampleFormat(values.get("format", SampleFormat.S16LE))
    except ValueError:
        raise BadRequest(f"format must be {' or '.join(SampleFormat)}") from None
