"""How a microphone's samples are written, and what its first second tells of a client that sends something else.

All but s16le samples are converted here, so that behind the API there is one format. What is no bare samples would
otherwise be heard as noise, captioned as silence, and nobody would be told.
"""

from __future__ import annotations

import sys
import time
from array import array
from enum import StrEnum

from wire.errors import BadRequest

#: Bytes of floats converted at once, about 2 ms of work: then other clients have their turn.
_SLICE_BYTES = 16 * 1024


class SampleFormat(StrEnum):
    """Little-endian samples, by ffmpeg's names."""

    S16LE = "s16le"
    F32LE = "f32le"  # from -1 to 1; what is beyond is clipped
    MULAW = "mulaw"  # as telephones have them (ITU-T G.711)
    ALAW = "alaw"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return {SampleFormat.S16LE: 2, SampleFormat.F32LE: 4}.get(self, 1)

    def to_s16le(self, pcm: bytes) -> bytes:
        """Whole samples of this format as s16le; what is no number is silence."""
        if self is SampleFormat.S16LE:
            return pcm
        if self in _LEVELS:
            return _little_endian(array("h", map(_LEVELS[self].__getitem__, pcm)))
        converted = bytearray()
        for at in range(0, len(pcm), _SLICE_BYTES):
            if at:
                time.sleep(0.001)  # not 0: gevent would look at no socket in between
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


#: The levels of all codes. Python's audioop, which had them, is no more; and nothing else here needs numpy.
_LEVELS = {
    SampleFormat.MULAW: tuple(map(_mulaw, range(256))),
    SampleFormat.ALAW: tuple(map(_alaw, range(256))),
}


#: What files and containers begin with, and at which byte.
_CONTAINERS = (
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (0, b"OggS", "Ogg"),
    (0, b"RIFF", "WAVE"),
    (0, b"fLaC", "FLAC"),
    (4, b"ftyp", "MP4"),  # Safari's MediaRecorder
)

#: So many bytes tell a container.
_MAGIC_BYTES = 8

#: Audio's floats are no smaller than this, but for zero: 24 bits are the most that converters have.
_SMALLEST_FLOAT = 2.0**-24

#: So many of what is sent as s16le must be floats of audio, if read as such, to be taken for that; zeros are neither.
#: Real s16le has one in twenty at most: its small samples, as upper halves of floats, are tiny, huge or no number.
_FLOATS, _FEWEST_FLOATS = 0.9, 100

#: No more than a second of 48 kHz in stereo is judged, however much a second has: it is done in one piece.
_MOST_JUDGED_BYTES = 192_000


class Opening:
    """A microphone's first second, until it is known for what it should be.

    Args:
        second_bytes: bytes of a second, as the hello has it.
    """

    def __init__(self, format: SampleFormat, second_bytes: int) -> None:
        self._format = format
        self._judged_bytes = min(second_bytes, _MOST_JUDGED_BYTES)
        self._heard = bytearray()
        self._judged = False

    def hear(self, data: bytes) -> None:
        """Take what came next.

        Raises:
            BadRequest: it is no audio of this format; the message says what it looks like.
        """
        if self._judged:
            return
        self._heard += data
        for at, magic, name in _CONTAINERS:
            if self._heard[at:_MAGIC_BYTES].startswith(magic):
                raise BadRequest(
                    f"this looks like {name}, and not like bare {self._format} samples: send those as Web Audio has "
                    "them, without codec and container (not from a MediaRecorder), or the whole file to /jobs"
                )
        if len(self._heard) >= self._judged_bytes:
            if self._format is SampleFormat.S16LE and _are_floats(self._heard[: self._judged_bytes]):
                raise BadRequest(
                    'this looks like 32-bit floats, and not like s16le: say "format": "f32le" in the hello'
                )
            self._judged = True
            self._heard.clear()


def _to_s16le(floats: array[float]) -> bytes:
    levels = (0.0 if sample != sample else max(-1.0, min(1.0, sample)) for sample in floats)
    return _little_endian(array("h", [round(level * 32_767) for level in levels]))


def _little_endian(samples: array[int]) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _are_floats(pcm: bytearray) -> bool:
    """Whether samples that are said to be s16le are floats of audio."""
    samples = [sample for sample in _floats(pcm) if sample != 0.0]
    audio = [sample for sample in samples if _SMALLEST_FLOAT <= abs(sample) <= 1.0]
    if len(audio) < max(_FEWEST_FLOATS, _FLOATS * len(samples)):
        return False
    return min(audio) < 0.0 < max(audio)  # s16le from a card that is off by 45 % of its range has one sign alone


def _floats(pcm: bytes | bytearray) -> array[float]:
    samples = array("f", pcm[: len(pcm) - len(pcm) % 4])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
