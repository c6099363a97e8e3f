"""Finds damage in an MP3, and writes a copy with silence in its place.

MP3 frames have no timestamps: ffmpeg counts the frames that it can read, so captions after the damage would be too
early. FLAC and files in a container (MP4, Matroska, Ogg) have frame numbers or timestamps, and `aresample` fills the
gaps.

If there is one damaged place, the number of missing frames follows from the header in which most encoders store the
total. Otherwise it is estimated from the damaged bytes and the average frame size, which is exact for an overwritten
file of constant bit rate, and close for one of variable bit rate. If bytes are missing and there is no total, the
number cannot be determined.

Sources: ISO/IEC 11172-3, 2.4.1.3 and 2.4.2.3, and 13818-3 (frames); the LAME project, "Mp3 info Tag" (Xing header).
"""

from __future__ import annotations

import math
import mmap
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ingest.media.tags import past_tag

# By the header's version field: the divisors of the MPEG-1 sample rates in MPEG-1, MPEG-2 and MPEG-2.5.
_MPEG_1 = 3
_RATE_DIVISORS = {_MPEG_1: 1, 2: 2, 0: 4}
_RATES_HZ = (44_100, 48_000, 32_000)

# Bit rates of Layer III in kbit/s: those of MPEG-1, and of the other two.
_KBITS_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

# The beginning of a header, for a fast search.
_HEADER = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]", re.DOTALL)
_HEADER_BYTES = 4

#: This many consecutive headers, each at the position given by the previous one, are not a coincidence.
_CONFIRMED = 3

#: Bytes searched or copied at once, while no other thread of this process can run.
_PART_BYTES = 1 << 20

Bytes = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame, as described by its header."""

    n_bytes: int
    n_samples: int
    sample_rate_hz: int
    side_bytes: int  # size of the side information between header and audio data
    channels: int
    bits_per_s: int

    @property
    def duration_s(self) -> float:
        """Duration of the frame, in seconds."""
        return self.n_samples / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class Hole:
    """A damaged place: bytes `begin` to `end` of the file originally held `n_frames` frames."""

    begin: int
    end: int
    n_frames: int
    before: int  # start of the last frame before it


def find_damage(path: Path, check: Callable[[], None]) -> list[Hole]:
    """The damaged places of an MP3 at which frames are missing.

    Args:
        check: called regularly; raises if the job should stop.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [hole for hole in find_holes(data, check) if hole.n_frames]


def repair(path: Path, holes: list[Hole], repaired: Path, *, most_s: float, check: Callable[[], None]) -> float:
    """Write a copy of a damaged MP3 with silence in the damaged places; return the seconds of silence.

    Args:
        most_s: the copy ends when it contains this much silence.
        check: called before each part is written; raises if the job should stop.

    Raises:
        OSError: the file cannot be read, or the copy cannot be written.
    """
    silence_s, at = 0.0, 0
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        repaired.open("wb") as copy,
    ):
        for hole in holes:
            _copy(data, at, hole.begin, copy, check)
            frame = frame_at(data, hole.before)
            assert frame
            n_frames = min(hole.n_frames, math.ceil((most_s - silence_s) / frame.duration_s))
            silent = _silent(data[hole.before : hole.before + _HEADER_BYTES])
            n_at_once = _PART_BYTES // len(silent)
            for begin in range(0, n_frames, n_at_once):
                check()
                copy.write(silent * min(n_at_once, n_frames - begin))
            silence_s += n_frames * frame.duration_s
            if silence_s >= most_s:
                return silence_s
            at = hole.end
        _copy(data, at, len(data), copy, check)
    return silence_s


def find_holes(data: Bytes, check: Callable[[], None] = lambda: None) -> list[Hole]:
    """The damaged places between the first and the last frame of an MP3, not counting tags. See `find_damage`."""
    first = before = at = _next_frame(data, past_tag(data, 0), check)
    places: list[tuple[int, int, int]] = []  # start and end of the previous frame, and start of the next one
    n_frames = n_bytes = 0
    while at < len(data):
        check()
        if frame := frame_at(data, at):
            n_frames, n_bytes = n_frames + 1, n_bytes + frame.n_bytes
            before, at = at, at + frame.n_bytes
        elif (after := past_tag(data, at)) > at:
            at = after
        else:
            after = _next_frame(data, at, check)
            if after < len(data):
                places.append((before, at, after))
            at = after
    if not places:
        return []
    missing = _counted_frames(data, first) - n_frames
    # A file that ends within a frame is cut off and lacks frames there, too; a much larger count is another file's.
    if len(places) == 1 and at == len(data) and 0 <= missing <= n_frames:
        return [Hole(begin, end, missing, before) for before, begin, end in places]
    return [Hole(begin, end, round((end - begin) * n_frames / n_bytes), before) for before, begin, end in places]


def first_frame(head: bytes) -> Frame | None:
    """The first frame in a part of a stream that is certainly Layer III: others follow at the positions it gives."""
    starts = (match.start() for match in _HEADER.finditer(head))
    return next((frame_at(head, at) for at in starts if _confirmed(head, at, whole=False)), None)


def frame_at(data: Bytes, at: int) -> Frame | None:
    """The Layer III frame that begins at byte `at`; None if there is none."""
    header = data[at : at + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, kbits, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version not in _RATE_DIVISORS or not 1 <= kbits <= 14 or rate == 3:
        return None
    mpeg_1, mono = version == _MPEG_1, header[3] >> 6 == 3
    n_samples = 1152 if mpeg_1 else 576
    bits_per_s = 1000 * (_KBITS_1 if mpeg_1 else _KBITS_2)[kbits - 1]
    sample_rate_hz = _RATES_HZ[rate] // _RATE_DIVISORS[version]
    return Frame(
        n_bytes=n_samples * bits_per_s // (8 * sample_rate_hz) + (header[2] >> 1 & 1),
        n_samples=n_samples,
        sample_rate_hz=sample_rate_hz,
        side_bytes=(17 if mono else 32) if mpeg_1 else (9 if mono else 17),
        channels=1 if mono else 2,
        bits_per_s=bits_per_s,
    )


def _next_frame(data: Bytes, at: int, check: Callable[[], None]) -> int:
    """Start of the next frame that is followed by others; the end of the data if there is none."""
    while at < len(data):
        check()
        match = _HEADER.search(data, at, at + _PART_BYTES)
        if match and _confirmed(data, match.start()):
            return match.start()
        # A header may begin in the last two bytes of a part.
        at = match.start() + 1 if match else max(at + 1, min(at + _PART_BYTES, len(data)) - 2)
    return len(data)


def _confirmed(data: Bytes, at: int, *, whole: bool = True) -> bool:
    """Whether a frame begins here, confirmed by the frames after it; a `whole` file may end after it."""
    rates = set()
    for _ in range(_CONFIRMED):
        frame = frame_at(data, at)
        if frame is None:
            return False
        rates.add(frame.sample_rate_hz)
        at += frame.n_bytes
        if whole and at == len(data):
            break
    return len(rates) == 1


def _counted_frames(data: Bytes, first: int) -> int:
    """Number of frames according to the Xing header, including the frame that contains the header; 0 without one."""
    frame = frame_at(data, first)
    assert frame
    at = first + _HEADER_BYTES + frame.side_bytes
    xing = data[at : at + 12]
    if xing[:4] not in (b"Xing", b"Info") or not xing[7] & 1:
        return 0
    return 1 + int.from_bytes(xing[8:], "big")


def _silent(header: bytes) -> bytes:
    """A silent frame: a header with the lowest bit rate, without checksum or padding, followed by zeros."""
    lowest = bytes((header[0], header[1] | 1, header[2] & 0x0D | 0x10, header[3]))
    frame = frame_at(lowest, 0)
    assert frame
    return lowest.ljust(frame.n_bytes, b"\0")


def _copy(data: Bytes, begin: int, end: int, copy: IO[bytes], check: Callable[[], None]) -> None:
    for at in range(begin, end, _PART_BYTES):
        check()
        copy.write(data[at : min(at + _PART_BYTES, end)])
