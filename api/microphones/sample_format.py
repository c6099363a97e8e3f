"""Sample formats of microphone clients, and a check of the first second for clients that send something else.

Everything but s16le is converted here, so that the rest of the system knows one format. Other data than raw samples
would be transcribed as noise and captioned as silence, without any error.
"""

from __future__ import annotations

import sys
import time
from array import array
from enum import StrEnum

from wire.errors import BadRequest

#: Bytes of floats converted at once, about 2 ms of work: then other clients get a turn.
_SLICE_BYTES = 16 * 1024


class SampleFormat(StrEnum):
    """Little-endian samples, by ffmpeg's names."""

    S16LE = "s16le"
    F32LE = "f32le"  # from -1 to 1; clipped beyond
    MULAW = "mulaw"  # of telephones (ITU-T G.711)
    ALAW = "alaw"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return {SampleFormat.S16LE: 2, SampleFormat.F32LE: 4}.get(self, 1)

    def to_s16le(self, pcm: bytes) -> bytes:
        """Convert whole samples of this format to s16le; NaN becomes silence."""
        if self is SampleFormat.S16LE:
            return pcm
        if self in _LEVELS:
            return _little_endian(array("h", map(_LEVELS[self].__getitem__, pcm)))
        converted = bytearray()
        for at in range(0, len(pcm), _SLICE_BYTES):
            if at:
                time.sleep(0.001)  # not 0: gevent would not poll its sockets
            converted += _to_s16le(_floats(pcm[at : at + _SLICE_BYTES]))
        return bytes(converted)


def _mulaw(code: int) -> int:
    """The level of a code (ITU-T G.711, table 2)."""
    code ^= 0xFF
    level = ((code & 0x0F) * 8 + 0x84 << (code >> 4 & 7)) - 0x84
    return -level if code & 0x80 else level


def _alaw(code: int) -> int:
    """The level of a code (ITU-T G.711, table 1)."""
    code ^= 0x55
    segment, level = code >> 4 & 7, (code & 0x0F) * 16 + 8
    level = level + 0x100 << segment - 1 if segment else level
    return level if code & 0x80 else -level


#: The levels of all codes. Python has removed audioop, which had them, and nothing else here needs numpy.
_LEVELS = {
    SampleFormat.MULAW: tuple(map(_mulaw, range(256))),
    SampleFormat.ALAW: tuple(map(_alaw, range(256))),
}


#: Signatures of files and containers, with their offsets.
_CONTAINERS = (
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (0, b"OggS", "Ogg"),
    (0, b"RIFF", "WAVE"),
    (0, b"fLaC", "FLAC"),
    (4, b"ftyp", "MP4"),  # Safari's MediaRecorder
)

#: Bytes that identify a container.
_MAGIC_BYTES = 8

#: Smallest float of audio apart from zero: converters have at most 24 bits.
_SMALLEST_FLOAT = 2.0**-24

#: Data sent as s16le is taken for floats if this share of the non-zero values, read as floats, is audio, and at least
#: this many. Real s16le reaches one in twenty: its small samples, as upper halves of floats, are tiny, huge or NaN.
_FLOAT_SHARE, _MIN_FLOATS = 0.9, 100

#: At most a second of 48 kHz stereo is checked, even if a second has more: the check runs in one piece.
_MAX_CHECKED_BYTES = 192_000


class FormatCheck:
    """A microphone's first second, until its format is verified.

    Args:
        second_bytes: bytes of a second in the announced format.
    """

    def __init__(self, format: SampleFormat, second_bytes: int) -> None:
        self._format = format
        self._checked_bytes = min(second_bytes, _MAX_CHECKED_BYTES)
        self._data = bytearray()
        self._checked = False

    def add(self, data: bytes) -> None:
        """Take the next data.

        Raises:
            BadRequest: it is not audio of this format; the message names what it looks like.
        """
        if self._checked:
            return
        self._data += data
        for at, magic, name in _CONTAINERS:
            if self._data[at:_MAGIC_BYTES].startswith(magic):
                raise BadRequest(
                    f"this looks like {name}, not like raw {self._format} samples: send those as Web Audio has them, "
                    "without codec and container (not from a MediaRecorder), or the whole file to /jobs"
                )
        if len(self._data) >= self._checked_bytes:
            if self._format is SampleFormat.S16LE and _are_floats(self._data[: self._checked_bytes]):
                raise BadRequest('this looks like 32-bit floats, not like s16le: set "format": "f32le" in the hello')
            self._checked = True
            self._data.clear()


def _to_s16le(floats: array[float]) -> bytes:
    levels = (0.0 if sample != sample else max(-1.0, min(1.0, sample)) for sample in floats)
    return _little_endian(array("h", [round(level * 32_767) for level in levels]))


def _little_endian(samples: array[int]) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _are_floats(pcm: bytearray) -> bool:
    """Return True if samples sent as s16le are floats of audio."""
    samples = [sample for sample in _floats(pcm) if sample != 0.0]
    audio = [sample for sample in samples if _SMALLEST_FLOAT <= abs(sample) <= 1.0]
    if len(audio) < max(_MIN_FLOATS, _FLOAT_SHARE * len(samples)):
        return False
    return min(audio) < 0.0 < max(audio)  # s16le from a card with an offset of 45 % of its range has one sign only


def _floats(pcm: bytes | bytearray) -> array[float]:
    samples = array("f", pcm[: len(pcm) - len(pcm) % 4])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
