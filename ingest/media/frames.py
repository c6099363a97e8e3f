"""Splits an encoded stream into frames with their durations: AAC in ADTS, or MP3. Pure.

No library parses a stream incrementally: mutagen reads whole files, PyAV includes another ffmpeg.

Sources: ISO/IEC 13818-7, 6.2 (ADTS); for MP3 see `mp3`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ingest.media import mp3

# Indexed by the header's field.
_ADTS_RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_ADTS_HEADER_BYTES = 7

#: Samples of a raw AAC block at the rate in its header; HE-AAC has twice as many, at twice that rate.
_BLOCK_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class Adts:
    """The header of an AAC frame."""

    n_bytes: int  # of the frame, including the header
    duration_s: float


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A complete frame."""

    data: bytes
    duration_s: float


def adts_at(data: bytes, at: int) -> Adts | None:
    """The AAC frame that begins at byte `at`; None if there is none."""
    header = data[at : at + _ADTS_HEADER_BYTES]
    if len(header) < _ADTS_HEADER_BYTES or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return None
    rate, n_bytes = header[2] >> 2 & 0xF, (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    if rate >= len(_ADTS_RATES_HZ) or n_bytes < _ADTS_HEADER_BYTES:
        return None
    return Adts(n_bytes, (1 + (header[6] & 3)) * _BLOCK_SAMPLES / _ADTS_RATES_HZ[rate])


#: The header parser of each format.
FORMATS: dict[str, Callable[[bytes, int], Adts | mp3.Frame | None]] = {"aac": adts_at, "mp3": mp3.frame_at}


class Frames:
    """Assembles complete frames from a stream that arrives in pieces. Other bytes are skipped.

    Args:
        format: `aac` (in ADTS) or `mp3`.
    """

    def __init__(self, format: str) -> None:
        self._header_at = FORMATS[format]
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[EncodedFrame]:
        """Yield the frames that `data` completes."""
        data, at = self._rest + data, 0
        while len(data) - at >= _ADTS_HEADER_BYTES:
            header = self._header_at(data, at)
            if header is None:
                next = data.find(b"\xff", at + 1)
                at = len(data) if next < 0 else next
            elif at + header.n_bytes > len(data):
                break
            else:
                yield EncodedFrame(data[at : at + header.n_bytes], header.duration_s)
                at += header.n_bytes
        self._rest = data[at:]
