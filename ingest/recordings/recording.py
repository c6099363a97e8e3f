"""Locates and probes a job's recording: an upload on our disk, or a file on a server.

A file on a server is streamed, not stored, unless that is impossible: an MP4 with its index at the end, on a server
without range requests, is fetched first. A damaged MP3 on our disk is repaired.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from ingest.context import Context
from ingest.media import mp3, web
from ingest.media.playlist import resolve
from ingest.media.probe import Probe, probe_file, probe_url
from wire.errors import NotAudio, SourceError
from wire.messages import Job

log = logging.getLogger(__name__)

#: A fetch fails if the network is silent for this long, in seconds.
FETCH_STALL_S = 60.0

#: Bytes of disk space that a fetch or a repaired copy leaves free.
SPARE_BYTES = 1_000_000_000

#: The error for a job whose URL is a live stream.
LIVE = "it is an endless live stream; add it as a station (on the page under Radio, or with POST /stations)"


@dataclass(frozen=True, slots=True)
class Recording:
    """What ffmpeg should read."""

    target: str  # a path, or a URL if it is `remote`
    remote: bool
    probe: Probe
    track: int
    silence_s: float = 0.0  # silence inserted in damaged places
    endless: bool = False  # its length is unknown, so it may be a live stream
    repair_error: str = ""  # why it was not repaired although it is damaged
    intact: bool = False  # it is an MP3 without missing frames

    def note(self) -> str:
        """A note on the chosen track; empty if there was no choice."""
        tracks = self.probe.tracks
        if len(tracks) == 1:
            return ""
        track = tracks[self.track]
        about = ", ".join(part for part in (track.language, track.title) if part)
        return f"audio track {self.track} of {len(tracks)}, counted from 0" + (f" ({about})" if about else "")


class Locator:
    """Locates and probes a job's recording.

    Args:
        check: called regularly during long steps; raises if the job should stop.
    """

    def __init__(self, job: Job, context: Context, check: Callable[[], None]) -> None:
        self._job = job
        self._client = context.client
        self._settings = context.settings
        self._check = check
        # The API deletes leftover files in this folder.
        folder = context.settings.data_folder / "uploads"
        self._fetched_path, self._repaired_path = folder / f"{job.id}.fetched", folder / f"{job.id}.mended"

    def find(self) -> Recording:
        """Locate and probe the recording.

        Raises:
            NotAudio: it is not a recording, or larger or longer than allowed.
            SourceError: it cannot be read.
        """
        if not self._job.url:
            return self._on_disk(self._uploaded())
        address = resolve(self._job.url, self._client)
        n_mb, most_mb = (address.n_bytes or 0) / 1e6, self._settings.max_fetch_mb
        if n_mb > most_mb:
            raise NotAudio(f"it has {n_mb:.0f} MB; at most {most_mb:g} MB are allowed (MAX_FETCH_MB)")
        if address.live:
            raise NotAudio(LIVE)
        probe = probe_url(address.url, live=False, timeout_s=FETCH_STALL_S)
        if probe.duration_s is None and (address.icy or probe.hls):
            raise NotAudio(LIVE)
        endless = probe.duration_s is None and address.n_bytes is None
        return self._checked(Recording(address.url, True, probe, 0, endless=endless))

    def fetch(self, recording: Recording) -> Recording:
        """Download a recording to our disk.

        Raises:
            NotAudio: it is larger than allowed.
            SourceError: the network failed, or the disk is full.
        """
        folder, most_mb = self._fetched_path.parent, self._settings.max_fetch_mb
        folder.mkdir(parents=True, exist_ok=True)
        n_bytes = 0
        try:
            with web.get(self._client, recording.target) as answer, self._fetched_path.open("wb") as file:
                answer.raise_for_status()
                for part in web.parts(answer, 1 << 20):
                    self._check()
                    n_bytes += len(part)
                    if n_bytes > most_mb * 1e6:
                        raise NotAudio(f"it has more than {most_mb:g} MB (MAX_FETCH_MB)")
                    if _disk_full(folder):
                        raise SourceError("the server's disk is full")
                    file.write(part)
        except httpx.HTTPError as error:
            raise SourceError(f"it broke off after {n_bytes / 1e6:.0f} MB: {error or type(error).__name__}") from error
        megabytes = n_bytes / 1e6
        log.info("job %s: fetched %.1f MB, as its server does not support range requests", self._job.id, megabytes)
        return self._on_disk(self._fetched_path)

    def remove_files(self) -> None:
        """Delete the upload, what was fetched, and a repaired copy."""
        try:
            self._fetched_path.unlink(missing_ok=True)
            self._repaired_path.unlink(missing_ok=True)
            if self._job.path:
                self._uploaded().unlink(missing_ok=True)
        except (OSError, SourceError) as error:
            log.warning("job %s: its file could not be deleted: %s", self._job.id, error)

    def _uploaded(self) -> Path:
        """Path of the upload.

        Raises:
            SourceError: the path is outside the data folder.
        """
        folder = self._settings.data_folder
        path = (folder / self._job.path).resolve()
        if not self._job.path or not path.is_relative_to(folder):
            raise SourceError(f"{self._job.path!r} is not in the uploads folder")
        return path

    def _on_disk(self, path: Path) -> Recording:
        """A recording on our disk, or a repaired copy of a damaged MP3."""
        recording = self._checked(Recording(str(path), False, probe_file(path), 0))
        if recording.probe.format != "mp3":
            return recording
        try:
            holes = mp3.find_damage(path, self._check)
        except OSError as error:  # ffmpeg may read it nevertheless
            log.warning("job %s: could not be checked for damage: %s", self._job.id, error)
            return recording
        return self._repaired(recording, holes) if holes else dataclasses.replace(recording, intact=True)

    def _repaired(self, recording: Recording, holes: list[mp3.Hole]) -> Recording:
        """A copy with silence in the damaged places, or the recording itself if the copy cannot be written."""
        folder, most_s = self._repaired_path.parent, self._settings.max_upload_hours * 3600

        def check_space() -> None:
            self._check()
            if _disk_full(folder):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        try:
            folder.mkdir(parents=True, exist_ok=True)
            silence_s = mp3.repair(Path(recording.target), holes, self._repaired_path, most_s=most_s, check=check_space)
        except OSError as error:
            log.warning("job %s: could not be repaired: %s", self._job.id, error)
            with contextlib.suppress(OSError):
                self._repaired_path.unlink(missing_ok=True)
            return dataclasses.replace(recording, repair_error=error.strerror or str(error))
        return dataclasses.replace(recording, target=str(self._repaired_path), silence_s=silence_s)

    def _checked(self, recording: Recording) -> Recording:
        """The recording with its track chosen, unless it is too long."""
        probe = recording.probe
        n_hours, most_hours = (probe.duration_s or 0) / 3600, self._settings.max_upload_hours
        # The duration of a joined transport stream may include the time between its clocks, perhaps a day.
        if n_hours > most_hours and probe.format != "mpegts":
            raise NotAudio(f"it lasts {n_hours:.1f} hours; at most {most_hours:g} are allowed (MAX_UPLOAD_HOURS)")
        return dataclasses.replace(recording, track=probe.choose(self._job.track))


def _disk_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < SPARE_BYTES
