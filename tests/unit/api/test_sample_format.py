"""The check of a microphone's first second, and the conversion of its samples to s16le."""

from __future__ import annotations

import math
import subprocess
import sys
from array import array
from collections.abc import Callable

import numpy as np
import pytest

from api.microphones.sample_format import FormatCheck, SampleFormat
from wire.errors import BadRequest

SECOND_S16, SECOND_F32 = 32_000, 64_000


def voice(level: float) -> np.ndarray:
    """Two seconds at 16 kHz that swell and fade like syllables, with background noise."""
    t = np.arange(32_000) / 16_000
    tone = np.sin(2 * np.pi * 130 * t) * np.sin(2 * np.pi * 3 * t) ** 2
    return level * (0.9 * tone + 0.01 * np.random.default_rng(1).normal(size=t.size))


def s16le(samples: np.ndarray) -> bytes:
    return (samples.clip(-1, 1) * 32_767).round().astype("<i2").tobytes()


def f32le(samples: np.ndarray) -> bytes:
    return samples.astype("<f4").tobytes()


@pytest.mark.parametrize(
    ("begins", "name"),
    [
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81", "WebM"),
        (b"OggS\0\x02\0\0", "Ogg"),
        (b"RIFF\x24\0\0\0WAVE", "WAVE"),
        (b"fLaC\0\0\0\x22", "FLAC"),
        (b"\0\0\0\x1cftypiso5", "MP4"),
    ],
)
@pytest.mark.parametrize("format", SampleFormat)
def test_container_is_named_with_the_expected_format(begins: bytes, name: str, format: SampleFormat) -> None:
    opening = FormatCheck(format, SECOND_S16)
    opening.add(begins[:3])
    with pytest.raises(BadRequest, match=rf"{name}.*{format}"):
        opening.add(begins[3:])


def test_later_audio_may_be_anything() -> None:
    opening = FormatCheck(SampleFormat.S16LE, SECOND_S16)
    opening.add(s16le(voice(0.5)))
    opening.add(b"OggS" + f32le(voice(0.5)))


@pytest.mark.parametrize("level", [1.0, 0.1, 0.001])
def test_floats_sent_as_s16le_are_detected(level: float) -> None:
    data, opening = f32le(voice(level)), FormatCheck(SampleFormat.S16LE, SECOND_S16)
    opening.add(data[: SECOND_S16 - 4])  # less than the hello's second
    with pytest.raises(BadRequest, match="f32le"):
        opening.add(data[SECOND_S16 - 4 : SECOND_S16])
    FormatCheck(SampleFormat.F32LE, SECOND_F32).add(data)


@pytest.mark.parametrize(
    "samples",
    [
        *(voice(level) for level in (8.0, 1.0, 0.1, 0.001)),
        np.zeros(32_000),
        np.random.default_rng(2).uniform(-1, 1, 32_000),
        np.random.default_rng(3).normal(0, 1e-4, 32_000),
        0.45 + np.random.default_rng(4).normal(0, 1e-3, 32_000),  # a card with an offset
        -0.45 + np.random.default_rng(4).normal(0, 1e-3, 32_000),
    ],
    ids=["overdriven", "loud", "low", "faint", "silent", "noise", "hiss", "off", "off-below"],
)
def test_s16le_is_accepted(samples: np.ndarray) -> None:
    for skipped in (0, 2):
        FormatCheck(SampleFormat.S16LE, SECOND_S16).add(s16le(samples)[skipped:])


def test_floats_become_s16le() -> None:
    data = array("f", [0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, math.inf, -math.inf]).tobytes()
    expected = [0, 16_384, -16_384, 32_767, -32_767, 32_767, -32_767, 32_767, -32_767]
    assert np.frombuffer(SampleFormat.F32LE.to_s16le(data), "<i2").tolist() == expected
    assert SampleFormat.F32LE.to_s16le(array("f", [math.nan]).tobytes()) == b"\0\0"
    assert SampleFormat.S16LE.to_s16le(b"\1\2") == b"\1\2"


#: Converts the largest message while another greenlet waits for its turn.
TURNS = """
from gevent import monkey, spawn
monkey.patch_all()
from api.microphones.sample_format import SampleFormat
other = spawn(lambda: None)
converted = SampleFormat.F32LE.to_s16le(bytes(512 * 1024))
print(len(converted), other.dead)
"""


def test_converting_a_large_message_yields_to_others() -> None:
    assert subprocess.run([sys.executable, "-c", TURNS], stdout=subprocess.PIPE, text=True, check=True).stdout == (
        f"{256 * 1024} True\n"
    )


def test_floats_in_one_byte_messages_are_detected() -> None:
    data, opening = f32le(voice(0.5)), FormatCheck(SampleFormat.S16LE, SECOND_S16)
    for at in range(SECOND_S16 - 1):
        opening.add(data[at : at + 1])
    with pytest.raises(BadRequest, match="f32le"):
        opening.add(data[SECOND_S16 - 1 : SECOND_S16])


def test_check_is_limited_to_a_second_of_48_khz_stereo() -> None:
    opening = FormatCheck(SampleFormat.S16LE, second_bytes=192_000 * 16)
    with pytest.raises(BadRequest, match="f32le"):
        opening.add(f32le(np.tile(voice(0.5), 2))[:192_000])


@pytest.mark.parametrize("format", [SampleFormat.MULAW, SampleFormat.ALAW])
def test_g711_levels_equal_those_of_ffmpeg(format: SampleFormat, need_program: Callable[..., str]) -> None:
    codes = bytes(range(256))
    command = [
        need_program("ffmpeg"),
        "-v",
        "error",
        "-f",
        format,
        "-ar",
        "8000",
        "-i",
        "pipe:0",
        "-f",
        "s16le",
        "pipe:1",
    ]
    levels = subprocess.run(command, input=codes, capture_output=True, check=True).stdout
    assert format.to_s16le(codes) == levels
