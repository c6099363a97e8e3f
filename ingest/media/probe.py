"""The tracks and the format of a source, as detected by ffprobe: nothing about it is assumed."""

from __future__ import annotations

import codecs
import json
import math
import signal
import subprocess
import wave
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest.media.confinement import confined
from ingest.media.ffmpeg import find_program, input_options, without_passwords
from ingest.media.relay import environment
from wire.errors import NotAudio, SourceError, SourceStalled


@dataclass(frozen=True, slots=True)
class Track:
    """One audio track."""

    codec: str
    sample_rate_hz: int
    channels: int
    bit_rate: int | None = None
    language: str = ""
    title: str = ""
    default: bool = False
    start_s: float = 0.0  # from the start of the file


@dataclass(frozen=True, slots=True)
class Probe:
    """A source with audio."""

    tracks: tuple[Track, ...]  # at least one
    format: str = ""
    duration_s: float | None = None  # None: a stream, or a file of unknown duration
    header_duration_s: float | None = None  # duration in a header that was certainly written for the whole file

    @property
    def hls(self) -> bool:
        """Whether it is sent in segments."""
        return self.format.startswith("hls")

    def choose(self, wanted: int | None = None) -> int:
        """The track to caption: the requested one, else the default one, else the first.

        Raises:
            NotAudio: there is no track with this number.
        """
        if wanted is not None:
            if not 0 <= wanted < len(self.tracks):
                raise NotAudio(f"there is no audio track {wanted}; it has {len(self.tracks)}, counted from 0")
            return wanted
        return next((n for n, track in enumerate(self.tracks) if track.default), 0)


#: Number of bytes that distinguish a web page from a recording.
_HEAD_BYTES = 512

#: A WAV header with at least this length was never completed.
_UNKNOWN_BYTES = 0x7FFF_F000

#: A track of a transport stream that begins this much later than another belongs to a different programme with a clock
#: of its own, in seconds.
_OTHER_CLOCK_S = 60.0

#: ffmpeg's message for an MP3 whose header announces more audio than the file has.
_SHORTER_THAN_ITS_HEADER = "filesize and duration do not match"

#: ffmpeg's messages for files that are not recordings. The last one is from its MP3 reader, for any file named .mp3.
_NO_RECORDING = (
    "format not on whitelist",
    "invalid data found",
    "two consecutive mpeg audio frames",
    "invalid argument",
)


def probe_file(path: Path) -> Probe:
    """Probe an upload.

    Raises:
        NotAudio: it is empty, is not a recording, or has no audio track.
        SourceError: it is damaged.
    """
    if not path.is_file():
        raise SourceError("the uploaded file is gone")
    if path.stat().st_size == 0:
        raise NotAudio("the file is empty (0 bytes); save it again and upload the new file")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if looks_like_html(head):
        raise NotAudio("it is a web page, not a recording; download the recording that the page plays, and upload that")
    probe = _probe(str(path), remote=False, live=False, timeout_s=60.0)
    return replace(probe, header_duration_s=probe.header_duration_s or _wav_header_duration_s(path))


def looks_like_html(head: bytes) -> bool:
    """Return True if the bytes are the beginning of a web page."""
    return head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _wav_header_duration_s(path: Path) -> float | None:
    """Duration of a WAV according to its header, which ffprobe ignores if the file is cut off; None if unknown."""
    try:
        with wave.open(str(path)) as wav:
            frames, rate_hz, n_bytes = wav.getnframes(), wav.getframerate(), wav.getnchannels() * wav.getsampwidth()
    except (wave.Error, EOFError, RuntimeError):  # RuntimeError: the sizes of its chunks are contradictory
        return None
    # A program that writes to a pipe cannot fill in the length afterwards, and leaves zero or the largest number.
    return frames / rate_hz if 0 < frames * n_bytes < _UNKNOWN_BYTES and rate_hz else None


def probe_url(url: str, *, live: bool, timeout_s: float) -> Probe:
    """Probe a stream (`live`) or a file on a server; see `ffmpeg.decode_command`.

    Raises:
        NotAudio: it has no audio.
        SourceError: it cannot be read.
    """
    return _probe(url, remote=True, live=live, timeout_s=timeout_s)


def _probe(target: str, *, remote: bool, live: bool, timeout_s: float) -> Probe:
    command = [find_program("ffprobe"), "-v", "warning", "-show_streams", "-show_format", "-of", "json"]
    for name, value in input_options(remote=remote, live=live, timeout_s=timeout_s).items():
        command += [f"-{name}", str(value)]
    try:
        done = subprocess.run(
            confined([*command, target]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=2 * timeout_s,
            env=environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise SourceStalled(f"no readable data arrived within {2 * timeout_s:g} s") from error
    errors = without_passwords(done.stderr.decode(errors="replace").replace(target, "it").strip())
    if done.returncode < 0:
        raise SourceError(
            f"ffprobe crashed on it ({signal.Signals(-done.returncode).name}); another version of ffmpeg may read it"
        )
    if done.returncode != 0:
        raise explain(errors)
    return parse(json.loads(done.stdout), errors)


def parse(output: dict[str, Any], errors: str = "") -> Probe:
    """A `Probe` from ffprobe's JSON.

    Raises:
        NotAudio: there is no audio track.
    """
    streams = output.get("streams", [])
    container = output.get("format", {})
    begins_s = _number(container.get("start_time")) or 0.0
    latest_s = _OTHER_CLOCK_S if container.get("format_name") in ("mpegts", "hls") else math.inf
    audio = [s for s in streams if s.get("codec_type") == "audio" and int(s.get("sample_rate", 0)) > 0]
    tracks = tuple(_track(stream, begins_s, latest_s) for stream in audio)
    if not tracks:
        other_types = sorted({s.get("codec_type", "data") for s in streams} - {"audio"})
        if other_types:
            raise NotAudio(f"it has no audio track, only {' and '.join(other_types)}; send a recording with audio")
        raise NotAudio("it contains no audio: it is damaged or not a recording; check whether a player plays it")
    duration = _number(container.get("duration"))
    duration_s = duration if duration and duration > 0 else None
    return Probe(
        tracks=tracks,
        format=container.get("format_name", ""),
        duration_s=duration_s,
        header_duration_s=duration_s if _SHORTER_THAN_ITS_HEADER in errors else None,
    )


def explain(errors: str) -> SourceError:
    """Translate ffmpeg's error into a message that names the remedy."""
    lowered = errors.lower()
    if "moov atom not found" in lowered:
        return SourceError("the recording is cut off: the index at its end is missing; copy the complete file")
    if any(words in lowered for words in _NO_RECORDING):
        return NotAudio("it is not a recording in a format that ffmpeg supports; use audio or video: MP3, WAV, MP4 …")
    if "end of file" in lowered:
        return NotAudio("it ends before any audio")
    if "not on whitelist" in lowered:
        return NotAudio("it links to an address that is not http or https")
    if "server returned 4" in lowered:
        return NotAudio(f"the server refused the request: {_last_line(errors)}")
    why = _last_line(errors) or "it reported no reason"
    return SourceError(f"ffmpeg could not read it; check whether a player plays it ({why})")


def _track(stream: dict[str, Any], begins_s: float, latest_s: float) -> Track:
    tags = {key.lower(): value for key, value in stream.get("tags", {}).items()}
    bit_rate = _number(stream.get("bit_rate"))
    late_s = (_number(stream.get("start_time")) or begins_s) - begins_s
    return Track(
        codec=stream.get("codec_name", "unknown"),
        sample_rate_hz=int(stream["sample_rate"]),
        channels=int(stream.get("channels", 1)),
        bit_rate=round(bit_rate) if bit_rate else None,
        language=str(tags.get("language", "")),
        title=str(tags.get("title", "")),
        default=bool(stream.get("disposition", {}).get("default", 0)),
        start_s=late_s if 0 < late_s < latest_s else 0.0,
    )


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _last_line(text: str) -> str:
    return text.splitlines()[-1][:300] if text else ""
