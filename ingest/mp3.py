"""Finds where an MP3 is damaged, and writes a copy in which silence stands there.

Nothing in an MP3 says when a frame is heard: ffmpeg counts the frames that it can read, so all that follows a damaged
place would be captioned too early. FLAC and whatever is in a container (MP4, Matroska, Ogg) has numbers or times of
its own, and `aresample` fills what is missing there.

How many frames are missing at a damaged place is told by the header in which most encoders count them, if there is one
such place; else by its bytes, taken for frames of average size. That is exact where a file of constant bit rate was
overwritten, and near where one of variable bit rate was. Where bytes are gone, and no count tells, nobody can know.

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

from ingest.tags import past_tag

# By the header's field, MPEG-1 and what its sample rates are divided by in MPEG-1, MPEG-2 and MPEG-2.5.
_MPEG_1 = 3
_RATE_DIVISORS = {_MPEG_1: 1, 2: 2, 0: 4}
_RATES_HZ = (44_100, 48_000, 32_000)

# Bit rates of Layer III in kbit/s: those of MPEG-1, and of the other two.
_KBITS_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

# How a header begins, for a quick look.
_HEADER = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]", re.DOTALL)
_HEADER_BYTES = 4

#: So many headers, each where the one before says, are no accident.
_CONFIRMED = 3

#: Bytes that are searched or copied at once: no other thread of ours runs meanwhile.
_PART_BYTES = 1 << 20

Bytes = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Frame:
    """What the header of a frame says."""

    n_bytes: int
    n_samples: int
    sample_rate_hz: int
    side_bytes: int  # between the header and the coded sound
    channels: int
    bits_per_s: int

    @property
    def duration_s(self) -> float:
        """How long it sounds, in seconds."""
        return self.n_samples / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class Hole:
    """A damaged place: in bytes `begin` to `end` of the file there were `n_frames`."""

    begin: int
    end: int
    n_frames: int
    before: int  # where the last frame before it begins


def damage(path: Path, go_on: Callable[[], None]) -> list[Hole]:
    """The damaged places of an MP3 at which frames are missing.

    Args:
        go_on: called again and again; raises if nobody wants it any more.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [hole for hole in holes(data, go_on) if hole.n_frames]


def mend(path: Path, found: list[Hole], mended: Path, *, most_s: float, go_on: Callable[[], None]) -> float:
    """Write the copy of a damaged MP3, up to where it has `most_s` of silence; how much is in it, in seconds.

    Args:
        go_on: called before each part that is written; raises if it is not to be.

    Raises:
        OSError: the file cannot be read, or the copy not be written.
    """
    silence_s, at = 0.0, 0
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        mended.open("wb") as copy,
    ):
        for hole in found:
            _copy(data, at, hole.begin, copy, go_on)
            frame = frame_at(data, hole.before)
            assert frame
            n_frames = min(hole.n_frames, math.ceil((most_s - silence_s) / frame.duration_s))
            silent = _silent(data[hole.before : hole.before + _HEADER_BYTES])
            n_at_once = _PART_BYTES // len(silent)
            for begin in range(0, n_frames, n_at_once):
                go_on()
                copy.write(silent * min(n_at_once, n_frames - begin))
            silence_s += n_frames * frame.duration_s
            if silence_s >= most_s:
                return silence_s
            at = hole.end
        _copy(data, at, len(data), copy, go_on)
    return silence_s


def holes(data: Bytes, go_on: Callable[[], None] = lambda: None) -> list[Hole]:
    """The damaged places between the first frame of an MP3 and its last. Tags are none. See `damage`."""
    first = before = at = _next_frame(data, past_tag(data, 0), go_on)
    places: list[tuple[int, int, int]] = []  # where the frame before begins and ends, and where the next one begins
    n_frames = n_bytes = 0
    while at < len(data):
        go_on()
        if frame := frame_at(data, at):
            n_frames, n_bytes = n_frames + 1, n_bytes + frame.n_bytes
            before, at = at, at + frame.n_bytes
        elif (behind := past_tag(data, at)) > at:
            at = behind
        else:
            behind = _next_frame(data, at, go_on)
            if behind < len(data):
                places.append((before, at, behind))
            at = behind
    if not places:
        return []
    missing = _counted_frames(data, first) - n_frames
    # One that ends within a frame is cut off, and frames are missing there, too; a count of far more is another file's.
    if len(places) == 1 and at == len(data) and 0 <= missing <= n_frames:
        return [Hole(begin, end, missing, before) for before, begin, end in places]
    return [Hole(begin, end, round((end - begin) * n_frames / n_bytes), before) for before, begin, end in places]


def begun(head: bytes) -> Frame | None:
    """The first frame in bytes out of the midst of a stream, if that is certainly Layer III: others follow, each where
    the one before says."""
    starts = (found.start() for found in _HEADER.finditer(head))
    return next((frame_at(head, at) for at in starts if _confirmed(head, at, whole=False)), None)


def frame_at(data: Bytes, at: int) -> Frame | None:
    """The frame of Layer III that begins at byte `at`; None if none does."""
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


def _next_frame(data: Bytes, at: int, go_on: Callable[[], None]) -> int:
    """Where the next frame begins that others follow; the end of the data if there is none."""
    while at < len(data):
        go_on()
        match = _HEADER.search(data, at, at + _PART_BYTES)
        if match and _confirmed(data, match.start()):
            return match.start()
        # A header may begin in the last two bytes of a part.
        at = match.start() + 1 if match else max(at + 1, min(at + _PART_BYTES, len(data)) - 2)
    return len(data)


def _confirmed(data: Bytes, at: int, *, whole: bool = True) -> bool:
    """Whether the frames that seem to begin here are real; nothing need follow the last one of a `whole` file."""
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
    """How many frames there are by the Xing header, which is in a frame of its own and counts itself here; else 0."""
    frame = frame_at(data, first)
    assert frame
    at = first + _HEADER_BYTES + frame.side_bytes
    xing = data[at : at + 12]
    if xing[:4] not in (b"Xing", b"Info") or not xing[7] & 1:
        return 0
    return 1 + int.from_bytes(xing[8:], "big")


def _silent(header: bytes) -> bytes:
    """A frame in which nothing sounds: a header of the lowest bit rate, without a checksum or padding, and zeros."""
    lowest = bytes((header[0], header[1] | 1, header[2] & 0x0D | 0x10, header[3]))
    frame = frame_at(lowest, 0)
    assert frame
    return lowest.ljust(frame.n_bytes, b"\0")


def _copy(data: Bytes, begin: int, end: int, copy: IO[bytes], go_on: Callable[[], None]) -> None:
    for at in range(begin, end, _PART_BYTES):
        go_on()
        copy.write(data[at : min(at + _PART_BYTES, end)])
