"""Files that were made to exhaust the machine: a small one may claim a huge picture, or years of silence."""

from __future__ import annotations

import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from ingest.context import Context
from ingest.media.ffmpeg import find_program, input_options
from tests.integration.ingest.fixture_types import Chunks, Decode, Make
from tests.integration.ingest.radio import audio_of
from wire.messages import State


@pytest.fixture
def huge_cover(make_audio: Make) -> Path:
    """An MP3 with a cover of 256 million pixels, in a megabyte."""
    side = 16_000
    deflate = zlib.compressobj(1)
    rows = b"".join(deflate.compress(bytes(1 + 4 * side)) for _ in range(side)) + deflate.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )
    cover = b"\0image/png\0\3\0" + picture
    frame = b"APIC" + seven_bits(len(cover)) + b"\0\0" + cover
    path = make_audio("x.mp3")
    path.write_bytes(b"ID3\4\0\0" + seven_bits(len(frame)) + frame + path.read_bytes())
    return path


def seven_bits(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def test_huge_cover_takes_little_memory(huge_cover: Path) -> None:
    options = [
        text
        for name, value in input_options(remote=False, live=False, timeout_s=60).items()
        for text in (f"-{name}", value)
    ]
    # Decoded, it takes 1 GB.
    command = ["prlimit", "--data=300000000", find_program("ffprobe"), "-v", "quiet", *map(str, options), huge_cover]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)


def test_recording_with_a_huge_cover_is_captioned(huge_cover: Path, decode: Decode, chunks: Chunks) -> None:
    job = decode(huge_cover)
    assert (job.state, job.error, job.warning) == (State.RUNNING, "", "")
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(12, abs=0.2)


def test_silence_before_a_late_track_counts_as_length(
    decode: Decode, make_audio: Make, context: Context, chunks: Chunks
) -> None:
    object.__setattr__(context.settings, "max_upload_hours", 20 / 3600)
    inputs = (
        "-f",
        "lavfi",
        "-i",
        "color=size=64x64:duration=9",
        "-itsoffset",
        "100",
        "-f",
        "lavfi",
        "-i",
        "sine=440:d=3",
    )
    job = decode(make_audio("x.mkv", "-live", "1", "-c:a", "flac", inputs=inputs))
    assert (job.error, job.warning) == ("", "only the first 0.00555556 hours (MAX_UPLOAD_HOURS) were captioned")
    assert 20 <= len(audio_of(chunks("jobs/j"))) / 16_000 < 30
