"""ffmpeg's second output: a station's sound as it is coded, for players. It comes out of the process that decodes it.

AAC and MP3 are passed on as they are, which costs nothing; of all else AAC is made, for a hundredth of a core at most.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import ffmpeg

#: What is passed on as it is.
_COPIED = ("aac", "mp3")

#: How AAC is made: with the coder that takes half as long.
_MADE = {"acodec": "aac", "aac_coder": "fast", "audio_bitrate": "128k", "ac": 2}

#: It is ffmpeg's standard input, which it does not read: of the descriptors that every child has, the one left.
_FD = 0

#: What a pipe holds.
_READ_BYTES = 65_536


def format_of(codec: str) -> str:
    """The format in which players get what a station sends in `codec`: aac (in ADTS) or mp3."""
    return codec if codec in _COPIED else "aac"


def output(source: Any, codec: str, track: int) -> Any:
    """The output, of a track in `codec`.

    One that cannot be written, as the newest kinds of AAC in ADTS, must not end the other: `tee` goes on for as long as
    one of its own can be, and `null` always can.
    """
    muxer = {"aac": "adts", "mp3": "mp3:write_xing=0:id3v2_version=0"}[format_of(codec)]
    outputs = f"[f=null]-|[f={muxer}:onfail=ignore:flush_packets=1]pipe:{_FD}"
    coding = {"acodec": "copy"} if codec in _COPIED else _MADE
    return ffmpeg.output(source, outputs, f="tee", map=f"0:a:{track}", **coding)


class SecondPipe:
    """What the second output is read from.

    Args:
        on_data: called by `take` with what has come.
    """

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._on_data = on_data
        self._ours, self.theirs = os.pipe()  # `theirs` is to be closed when the child has it
        os.set_blocking(self._ours, False)

    def take(self) -> None:
        """Read what has come. ffmpeg waits for who does not."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._ours, _READ_BYTES):
                self._on_data(data)

    def close(self) -> None:
        """Read no more."""
        os.close(self._ours)
