"""Uploads on their way to disk: streamed into DATA_DIR/uploads as they arrive, never held in memory."""

from __future__ import annotations

import errno
import io
import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from flask import Request

from api.http.problems import Problem

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

log = logging.getLogger(__name__)

#: What multipart adds to a file: boundaries, headers, a few short fields.
OVERHEAD_BYTES = 64 * 1024

#: A part file of this age was left by a server that died, in seconds.
STALE_S = 24 * 3600

#: Bytes of an upload after which other requests get a turn: about 3 ms of work.
YIELD_BYTES = 256 * 1024

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class PartFile(io.BufferedRandom):
    """A new file whose writer yields now and then: an upload from the same machine never waits for the network, and
    would block every viewer otherwise."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "x+"))
        self._unyielded = 0

    def write(self, data: Buffer, /) -> int:
        """Write all of `data`."""
        written = super().write(data)
        self._unyielded += written
        if self._unyielded >= YIELD_BYTES:
            self._unyielded = 0
            time.sleep(0.001)  # not 0: gevent would not poll its sockets
        return written


class UploadRequest(Request):
    """A request whose files are written straight to their final folder."""

    #: Folder for the files; None on routes that accept none.
    parts_dir: Path | None = None

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.parts: list[Path] = []

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.parts_dir is None or self.parts:
            raise Problem(422, "Send one file, as the form field `file`.")
        self.parts_dir.mkdir(parents=True, exist_ok=True)
        self.parts.append(self.parts_dir / f"{secrets.token_hex(8)}.part")
        return PartFile(self.parts[-1])


@contextmanager
def receiving(request: Request, folder: Path, max_bytes: int) -> Iterator[UploadRequest]:
    """Let `request` upload a file; remove any part that was not taken over.

    Raises:
        Problem: 507, the disk is full.
    """
    assert isinstance(request, UploadRequest), "create_app sets the request class"
    request.parts_dir = folder
    request.max_content_length = max_bytes + OVERHEAD_BYTES
    try:
        yield request
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        log.error("upload refused: %s", error)
        raise Problem(507, "The server's disk is full.") from error
    finally:
        for part in request.parts:
            part.unlink(missing_ok=True)


def suffix_of(filename: str) -> str:
    """The extension of a file name, if it is a plain one."""
    suffix = PurePosixPath(filename.replace("\\", "/")).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def remove(data_dir: Path, path: str) -> None:
    """Remove an upload, given its path relative to DATA_DIR."""
    if path:
        (data_dir / path).unlink(missing_ok=True)


def sweep(folder: Path, older_than_s: float) -> int:
    """Remove files that no job needs any more; return their number."""
    count = 0
    now_s = time.time()
    for file in folder.glob("*"):
        limit_s = STALE_S if file.suffix == ".part" else older_than_s
        try:
            if file.is_file() and now_s - file.stat().st_mtime > limit_s:
                file.unlink()
                count += 1
        except FileNotFoundError:
            continue  # its job has just finished
        except OSError as error:
            log.warning("cannot remove an old upload: %s", error)
    if count:
        log.info("removed %d old uploads", count)
    return count
