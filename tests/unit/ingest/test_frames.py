"""Encoded streams that arrive in pieces: every frame is returned complete, once, with its duration."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ingest.media.frames import EncodedFrame, Frames

#: Sample rates by their index in ADTS.
RATES_HZ = {3: 48_000, 4: 44_100, 7: 22_050}


def adts(n_bytes: int, *, rate: int = 4, blocks: int = 1) -> bytes:
    """An AAC frame of this size, whose data resembles the headers of others."""
    header = [0xFF, 0xF1, 1 << 6 | rate << 2, 2 << 6 | n_bytes >> 11, n_bytes >> 3 & 0xFF, (n_bytes & 7) << 5 | 0x1F]
    return (bytes([*header, 0xFC | blocks - 1]) + n_bytes * b"\xff\xf1")[:n_bytes]


def mp3(duration_s: float, rate_hz: int = 44_100) -> bytes:
    file = io.BytesIO()
    tone = np.sin(np.arange(round(duration_s * rate_hz)) / 10)
    soundfile.write(file, tone, rate_hz, format="MP3", subtype="MPEG_LAYER_III")
    return file.getvalue()


def frames(data: bytes, format: str, n_bytes: int = 1 << 20) -> list[EncodedFrame]:
    """The frames of data that is fed in pieces of this size."""
    stream = Frames(format)
    pieces = (data[at : at + n_bytes] for at in range(0, len(data), n_bytes))
    return [frame for piece in pieces for frame in stream.feed(piece)]


@pytest.mark.parametrize("n_bytes", [1, 7, 100, 4096])
def test_aac_frames_are_unchanged(n_bytes: int) -> None:
    sent = [adts(20 + n, rate=rate) for n, rate in enumerate([3, 4, 7] * 10)]
    found = frames(b"".join(sent), "aac", n_bytes)
    assert [frame.data for frame in found] == sent
    assert [frame.duration_s for frame in found[:3]] == [1024 / hz for hz in RATES_HZ.values()]


def test_duration_of_a_frame_counts_its_blocks() -> None:
    [frame] = frames(adts(300, blocks=3), "aac")
    assert frame.duration_s == 3 * 1024 / 44_100


@pytest.mark.parametrize("rate_hz", [44_100, 22_050])
def test_mp3_frames_have_the_duration_of_the_audio(rate_hz: int) -> None:
    found = frames(mp3(5.0, rate_hz), "mp3", 1000)
    assert sum(frame.duration_s for frame in found) == pytest.approx(5.0, abs=0.15)  # with the encoder's padding
    assert b"".join(frame.data for frame in found) in mp3(5.0, rate_hz)


def test_other_bytes_are_skipped() -> None:
    sent = [adts(200), adts(300), adts(250)]
    data = b"\0\xff\0\xff" + sent[0] + b"ID3 and others" + sent[1] + sent[2] + sent[0][:100]
    assert [frame.data for frame in frames(data, "aac", 50)] == sent


@given(st.binary(max_size=3000), st.integers(1, 500), st.sampled_from(["aac", "mp3"]))
def test_parser_recovers_after_arbitrary_bytes(data: bytes, n_bytes: int, format: str) -> None:
    found = frames(data, format, n_bytes)
    assert sum(len(frame.data) for frame in found) <= len(data)
    assert all(frame.duration_s > 0 for frame in found)
