"""`/stations/ID/audio.mp3`: the recent speech of a station."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import IO

import soundfile
from flask import Blueprint, Response, request, send_file
from gevent.lock import BoundedSemaphore

from api.context import context
from api.http import access
from api.http.parameters import known_fields, seconds_query
from api.text.formats import stamp
from api.threadpool import run_in_thread
from wire.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ, samples
from wire.errors import BadRequest, UnknownSource
from wire.kept_audio import Clip
from wire.messages import Kind, source_name

blueprint = Blueprint("audio", __name__)

#: Longest excerpt, and its length if `to` is missing, in seconds.
LIMIT_S, DEFAULT_S = 600.0, 60.0

#: One file is written at a time. soundfile opens each one under a lock, which gevent has patched: a native thread that
#: had to wait for it would wait forever. Besides, ten minutes take a second or two, which would delay searches.
_WRITING = BoundedSemaphore(1)


@dataclass(frozen=True, slots=True)
class Format:
    """An audio file format of libsndfile."""

    media_type: str
    container: str
    coding: str


FORMATS = {
    "mp3": Format("audio/mpeg", "MP3", "MPEG_LAYER_III"),
    "flac": Format("audio/flac", "FLAC", "PCM_16"),
    "wav": Format("audio/wav", "WAV", "PCM_16"),
}


@blueprint.get("/stations/<id>/audio.<format>")
def excerpt(id: str, format: str) -> Response:
    """Speech between two Unix times, with silence where there was none or it is no longer kept."""
    ctx = context()
    station = ctx.stations.get(id)
    access.check_audio_access(ctx.settings, request, station.url)
    if format not in FORMATS:
        raise UnknownSource(f"there is no audio format {format!r}; the formats are {', '.join(FORMATS)}")
    from_s, to_s = _times()
    # On disk, so that an answer to a slow client does not occupy memory. It is deleted with the answer.
    with _WRITING, NamedTemporaryFile() as file:
        clips = ctx.kept_audio.between(source_name(Kind.STATION, id), from_s, to_s)
        to_s = min(to_s, max((clip.end_s for clip in clips), default=from_s))
        n_samples = samples(to_s - from_s)
        if not n_samples:
            if from_s > time.time():
                raise UnknownSource("there is no audio yet: from is a Unix time in the future")
            raise UnknownSource("no speech of that time is kept; the station's audio_kept_s says how long it is kept")
        run_in_thread(write_excerpt, file, FORMATS[format], clips, from_s, n_samples)
        file.flush()
        return send_file(
            file.name,
            FORMATS[format].media_type,
            download_name=f"{id} {stamp(from_s)}.{format}",
            etag=f"{from_s}-{n_samples}-{len(clips)}",
            last_modified=to_s,
        )


def _times() -> tuple[float, float]:
    """The times that the query asks for.

    Raises:
        BadRequest: they are invalid, or too far apart.
    """
    known_fields(request.args, ("from", "to"))
    if "from" not in request.args:
        raise BadRequest("from is required: the Unix time at which to begin, such as a caption's start_s", "from")
    from_s = seconds_query("from", 0.0)
    to_s = seconds_query("to", from_s + DEFAULT_S)
    if to_s <= from_s:
        raise BadRequest("to must be later than from", "to")
    if to_s > from_s + LIMIT_S:
        raise BadRequest(f"to may be at most {LIMIT_S:g} seconds later than from; request the rest separately", "to")
    return from_s, to_s


def write_excerpt(file: IO[bytes], format: Format, clips: Iterable[Clip], from_s: float, n_samples: int) -> None:
    """Write `n_samples` samples (16 kHz mono), starting at Unix time `from_s`."""
    pcm = bytearray(n_samples * SAMPLE_BYTES)
    for clip in clips:
        with soundfile.SoundFile(io.BytesIO(clip.vorbis)) as audio:
            decoded = bytes(audio.buffer_read(dtype="int16"))
        offset = samples(clip.start_s - from_s) * SAMPLE_BYTES
        begin, end = max(0, offset), min(len(pcm), offset + len(decoded))
        if begin < end:
            pcm[begin:end] = decoded[begin - offset : end - offset]
    with soundfile.SoundFile(file, "w", SAMPLE_RATE_HZ, 1, format=format.container, subtype=format.coding) as audio:
        audio.buffer_write(pcm, "int16")
