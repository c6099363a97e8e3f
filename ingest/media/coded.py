"""The encoded audio of a station for players: a second output of the ffmpeg process that decodes it.

AAC and MP3 are copied, which costs nothing; everything else is encoded as AAC, for at most a hundredth of a core.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import ffmpeg

#: Codecs that are copied.
_COPIED = ("aac", "mp3")

#: Options for encoding AAC, with the coder that takes half as long.
_AAC_OPTIONS = {"acodec": "aac", "aac_coder": "fast", "audio_bitrate": "128k", "ac": 2}

#: The output is written to ffmpeg's standard input, which it does not read: the only free one of the descriptors that
#: every child process has.
_FD = 0

#: Capacity of a pipe, and so the size of one read: 2 s of PCM.
PIPE_BYTES = 65_536


def format_of(codec: str) -> str:
    """The format for players of a station that sends `codec`: aac (in ADTS) or mp3."""
    return codec if codec in _COPIED else "aac"


def output(source: Any, codec: str, track: int) -> Any:
    """The second output, for a track in `codec`.

    If it cannot be written (ADTS does not support the newest kinds of AAC), decoding must continue: `tee` keeps running
    as long as one of its outputs works, and `null` always does.
    """
    muxer = {"aac": "adts", "mp3": "mp3:write_xing=0:id3v2_version=0"}[format_of(codec)]
    outputs = f"[f=null]-|[f={muxer}:onfail=ignore:flush_packets=1]pipe:{_FD}"
    coding = {"acodec": "copy"} if codec in _COPIED else _AAC_OPTIONS
    return ffmpeg.output(source, outputs, f="tee", map=f"0:a:{track}", **coding)


class SecondPipe:
    """The pipe from which the second output is read.

    Args:
        on_data: called by `take` with data that has arrived.
    """

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._on_data = on_data
        self._read_end, self.write_end = os.pipe()  # close `write_end` once the child process has inherited it
        os.set_blocking(self._read_end, False)

    def take(self) -> None:
        """Read the available data. Call this regularly, or ffmpeg blocks on a full pipe."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._read_end, PIPE_BYTES):
                self._on_data(data)

    def close(self) -> None:
        """Close the read end."""
        os.close(self._read_end)
