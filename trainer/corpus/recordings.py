"""Which recordings a corpus was made of, recordings.jsonl: the size and time of each file before it was decoded.

A recording that was replaced under the same name has another size or another modification time, older or newer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from trainer.corpus.sources.candidate import Audio, FileAudio

RECORDINGS_NAME = "recordings.jsonl"

#: Size in bytes and modification time in nanoseconds.
Stamp = tuple[int, int]


class Recordings:
    """The stamps of files that were decoded. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._stamps: dict[str, Stamp] = {}
        self._file = (folder / RECORDINGS_NAME).open("a+b")
        self._file.seek(0)
        data = self._file.read()
        self._file.truncate(data.rfind(b"\n") + 1)  # a killed writer may leave half a line
        for line in data.split(b"\n")[:-1]:
            path, size, time_ns = json.loads(line)
            self._stamps[path] = size, time_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def note(self, audio: Audio, has_clips: bool) -> None:
        """Record the stamp of a file that is about to be decoded.

        Args:
            has_clips: an earlier run has written clips of it; the stamp of that run, if any, is kept.
        """
        if not isinstance(audio, FileAudio) or (has_clips and str(audio.path) in self._stamps):
            return
        if stamp := stamp_of(audio.path):
            self._stamps[str(audio.path)] = stamp
            # Names that are not in UTF-8 are escaped in ASCII JSON, and read back as they were.
            self._file.write(json.dumps([str(audio.path), *stamp]).encode() + b"\n")
            self._file.flush()

    def of(self, path: Path) -> Stamp | None:
        """The stamp of a file when it was decoded; None if it was not recorded, as before this file existed."""
        return self._stamps.get(str(path))


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file now; None if it cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
