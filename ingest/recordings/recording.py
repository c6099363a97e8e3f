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

from ingest.media import mp3, web
from ingest.media.playlist import resolve
from ingest.media.probe import Probe, Track, probe_file, probe_url
from ingest.settings import Settings
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
        track: Track = tracks[self.track]
        about = ", ".join(part for part in (track.language, track.title) if part)
        return f"audio track {self.track} of {len(tracks)}, counted from 0" + (f" ({about})" if about else "")


def upload_path(job: Job, settings: Settings) -> Path:
    """Path of a job's upload.

    Raises:
        SourceError: the path is outside the uploads folder.
    """
    path = (settings.uploads / job.path).resolve()
    if not job.path or not path.is_relative_to(settings.uploads):
        raise SourceError(f"{job.path!r} is not in the uploads folder")
    return path


def find(job: Job, settings: Settings, client: httpx.Client, check: Callable[[], None]) -> Recording:
    """Locate and probe a job's recording.

    Args:
        check: called regularly during long steps; raises if the job should stop.

    Raises:
        NotAudio: it is not a recording, or larger or longer than allowed.
        SourceError: it cannot be read.
    """
    if not job.url:
        return _on_disk(upload_path(job, settings), job, settings, check)
    address = resolve(job.url, client)
    n_mb, most_mb = (address.n_bytes or 0) / 1e6, settings.max_fetch_mb
    if n_mb > most_mb:
        raise NotAudio(f"it has {n_mb:.0f} MB; at most {most_mb:g} MB are allowed (MAX_FETCH_MB)")
    if address.live:
        raise NotAudio(LIVE)
    probe = probe_url(address.url, live=False, timeout_s=FETCH_STALL_S)
    if probe.duration_s is None and (address.icy or probe.hls):
        raise NotAudio(LIVE)
    endless = probe.duration_s is None and address.n_bytes is None
    return _checked(Recording(address.url, True, probe, 0, endless=endless), job, settings)


def fetch(
    recording: Recording, job: Job, settings: Settings, client: httpx.Client, check: Callable[[], None]
) -> Recording:
    """Download a recording to our disk. The caller must delete it.

    Args:
        check: called for each part; raises if the job should stop.

    Raises:
        NotAudio: it is larger than allowed.
        SourceError: the network failed, or the disk is full.
    """
    path = fetched_path(job, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    most_bytes = settings.max_fetch_mb * 1e6
    n_bytes = 0
    try:
        with web.get(client, recording.target) as answer, path.open("wb") as file:
            answer.raise_for_status()
            for part in web.parts(answer, 1 << 20):
                check()
                n_bytes += len(part)
                if n_bytes > most_bytes:
                    raise NotAudio(f"it has more than {settings.max_fetch_mb:g} MB (MAX_FETCH_MB)")
                if _disk_full(path.parent):
                    raise SourceError("the server's disk is full")
                file.write(part)
    except httpx.HTTPError as error:
        raise SourceError(f"it broke off after {n_bytes / 1e6:.0f} MB: {error or type(error).__name__}") from error
    log.info("job %s: fetched %.1f MB, as its server does not support range requests", job.id, n_bytes / 1e6)
    return _on_disk(path, job, settings, check)


def fetched_path(job: Job, settings: Settings) -> Path:
    """Path to which `fetch` downloads a job's recording. The API deletes leftover files in this folder."""
    return settings.uploads / "uploads" / f"{job.id}.fetched"


def repaired_path(job: Job, settings: Settings) -> Path:
    """Path of the repaired copy of a job's damaged MP3; leftovers are deleted like downloads."""
    return settings.uploads / "uploads" / f"{job.id}.mended"


def _on_disk(path: Path, job: Job, settings: Settings, check: Callable[[], None]) -> Recording:
    """A recording on our disk, or a repaired copy of a damaged MP3, which the caller must delete."""
    recording = _checked(Recording(str(path), False, probe_file(path), 0), job, settings)
    if recording.probe.format != "mp3":
        return recording
    try:
        holes = mp3.find_damage(path, check)
    except OSError as error:
        log.warning("job %s: could not be checked for damage: %s", job.id, error)  # ffmpeg may read it nevertheless
        return recording
    return _repaired(recording, holes, job, settings, check) if holes else dataclasses.replace(recording, intact=True)


def _repaired(
    recording: Recording, holes: list[mp3.Hole], job: Job, settings: Settings, check: Callable[[], None]
) -> Recording:
    """A copy with silence in the damaged places, or the recording itself if the copy cannot be written."""
    repaired = repaired_path(job, settings)

    def check_space() -> None:
        check()
        if _disk_full(repaired.parent):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    try:
        repaired.parent.mkdir(parents=True, exist_ok=True)
        most_s = settings.max_upload_hours * 3600
        silence_s = mp3.repair(Path(recording.target), holes, repaired, most_s=most_s, check=check_space)
    except OSError as error:
        log.warning("job %s: could not be repaired: %s", job.id, error)
        with contextlib.suppress(OSError):
            repaired.unlink(missing_ok=True)
        return dataclasses.replace(recording, repair_error=error.strerror or str(error))
    return dataclasses.replace(recording, target=str(repaired), silence_s=silence_s)


def _disk_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < SPARE_BYTES


def _checked(recording: Recording, job: Job, settings: Settings) -> Recording:
    probe = recording.probe
    n_hours, most_hours = (probe.duration_s or 0) / 3600, settings.max_upload_hours
    # The duration of a joined transport stream may include the time between its clocks, perhaps a day.
    if n_hours > most_hours and probe.format != "mpegts":
        raise NotAudio(f"it lasts {n_hours:.1f} hours; at most {most_hours:g} are allowed (MAX_UPLOAD_HOURS)")
    return dataclasses.replace(recording, track=probe.choose(job.track))
