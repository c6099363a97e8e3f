"""Where a job's recording is and what it is made of: an upload on our disk, or a file on a server.

A file on a server is streamed, never stored, unless it can be read in one way only: an MP4 whose index is at its end,
on a server that cannot send parts. Such a one is fetched first. An MP3 on our disk is mended if it is damaged.
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

from ingest import mp3
from ingest.playlist import resolve
from ingest.probe import Probe, Track, probe_file, probe_url
from ingest.settings import Settings
from wire.errors import NotAudio, SourceError
from wire.messages import Job

log = logging.getLogger(__name__)

#: A network that is silent for so long has ended a fetch, in seconds.
FETCH_STALL_S = 60.0

#: Bytes of disk that a fetch, or a mended copy, leaves free for others.
SPARE_BYTES = 1_000_000_000

#: What whoever sends a station is told.
LIVE = "it is a live stream without an end: add it as a station (on the page under Radio, or POST /stations)"


@dataclass(frozen=True, slots=True)
class Recording:
    """What ffmpeg is to read."""

    target: str  # a path, or a URL if it is `remote`
    remote: bool
    probe: Probe
    track: int
    silence_s: float = 0.0  # stands where it is damaged
    endless: bool = False  # nothing says how long it is: it may be a live stream
    unmended: str = ""  # why no silence does, though it is damaged
    whole: bool = False  # every frame of it was found, one behind the other

    def note(self) -> str:
        """A word on the track that was chosen; empty if there was no choice."""
        tracks = self.probe.tracks
        if len(tracks) == 1:
            return ""
        track: Track = tracks[self.track]
        about = ", ".join(part for part in (track.language, track.title) if part)
        return f"audio track {self.track} of {len(tracks)}, counted from 0" + (f" ({about})" if about else "")


def upload_path(job: Job, settings: Settings) -> Path:
    """Where a job's upload is.

    Raises:
        SourceError: its path leads out of the uploads folder.
    """
    path = (settings.uploads / job.path).resolve()
    if not job.path or not path.is_relative_to(settings.uploads):
        raise SourceError(f"{job.path!r} is not in the uploads folder")
    return path


def find(job: Job, settings: Settings, client: httpx.Client, go_on: Callable[[], None]) -> Recording:
    """Look at a job's recording.

    Args:
        go_on: called again and again while it takes long; raises if nobody wants it any more.

    Raises:
        NotAudio: it is none, or larger or longer than is allowed.
        SourceError: it cannot be read.
    """
    if not job.url:
        return _on_disk(upload_path(job, settings), job, settings, go_on)
    address = resolve(job.url, client)
    n_mb, most_mb = (address.n_bytes or 0) / 1e6, settings.max_fetch_mb
    if n_mb > most_mb:
        raise NotAudio(f"it has {n_mb:.0f} MB; at most {most_mb:g} MB are fetched (MAX_FETCH_MB)")
    if address.live:
        raise NotAudio(LIVE)
    probe = probe_url(address.url, live=False, timeout_s=FETCH_STALL_S)
    if probe.duration_s is None and (address.icy or probe.hls):
        raise NotAudio(LIVE)
    endless = probe.duration_s is None and address.n_bytes is None
    return _checked(Recording(address.url, True, probe, 0, endless=endless), job, settings)


def fetch(
    recording: Recording, job: Job, settings: Settings, client: httpx.Client, go_on: Callable[[], None]
) -> Recording:
    """The same recording on our disk. Whoever asks for it removes it.

    Args:
        go_on: called between two parts; raises if nobody wants it any more.

    Raises:
        NotAudio: it is larger than is allowed, or than the disk has room for.
        SourceError: the network failed.
    """
    path = fetched_path(job, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    most_bytes = settings.max_fetch_mb * 1e6
    n_bytes = 0
    try:
        with client.stream("GET", recording.target) as answer, path.open("wb") as file:
            answer.raise_for_status()
            for part in answer.iter_bytes(1 << 20):
                go_on()
                n_bytes += len(part)
                if n_bytes > most_bytes:
                    raise NotAudio(f"it has more than {settings.max_fetch_mb:g} MB (MAX_FETCH_MB)")
                if _full(path.parent):
                    raise SourceError("the server's disk is full")
                file.write(part)
    except httpx.HTTPError as error:
        raise SourceError(f"it broke off after {n_bytes / 1e6:.0f} MB: {error or type(error).__name__}") from error
    log.info("job %s: fetched %.1f MB, because its server does not send parts", job.id, n_bytes / 1e6)
    return _on_disk(path, job, settings, go_on)


def fetched_path(job: Job, settings: Settings) -> Path:
    """Where `fetch` puts a job's recording. The API sweeps the folder for what was forgotten."""
    return settings.uploads / "uploads" / f"{job.id}.fetched"


def mended_path(job: Job, settings: Settings) -> Path:
    """Where the mended copy of a job's damaged MP3 is; swept like what was fetched."""
    return settings.uploads / "uploads" / f"{job.id}.mended"


def _on_disk(path: Path, job: Job, settings: Settings, go_on: Callable[[], None]) -> Recording:
    """A recording on our disk; of a damaged MP3, a copy that keeps the time. Whoever asks for it removes the copy."""
    recording = _checked(Recording(str(path), False, probe_file(path), 0), job, settings)
    if recording.probe.format != "mp3":
        return recording
    try:
        found = mp3.damage(path, go_on)
    except OSError as error:
        log.warning("job %s: not searched for damage: %s", job.id, error)  # ffmpeg may read it all the same
        return recording
    return _mended(recording, found, job, settings, go_on) if found else dataclasses.replace(recording, whole=True)


def _mended(
    recording: Recording, found: list[mp3.Hole], job: Job, settings: Settings, go_on: Callable[[], None]
) -> Recording:
    """The copy in which silence stands where it is damaged; if that cannot be written, the recording as it is."""
    mended = mended_path(job, settings)

    def look() -> None:
        go_on()
        if _full(mended.parent):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    try:
        mended.parent.mkdir(parents=True, exist_ok=True)
        most_s = settings.max_upload_hours * 3600
        silence_s = mp3.mend(Path(recording.target), found, mended, most_s=most_s, go_on=look)
    except OSError as error:
        log.warning("job %s: not mended: %s", job.id, error)
        with contextlib.suppress(OSError):
            mended.unlink(missing_ok=True)
        return dataclasses.replace(recording, unmended=error.strerror or str(error))
    return dataclasses.replace(recording, target=str(mended), silence_s=silence_s)


def _full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < SPARE_BYTES


def _checked(recording: Recording, job: Job, settings: Settings) -> Recording:
    probe = recording.probe
    n_hours, most_hours = (probe.duration_s or 0) / 3600, settings.max_upload_hours
    # What lies between two clocks of a transport stream that was joined, a day perhaps, is no part of it.
    if n_hours > most_hours and probe.format != "mpegts":
        raise NotAudio(f"it lasts {n_hours:.1f} hours; at most {most_hours:g} are accepted (MAX_UPLOAD_HOURS)")
    return dataclasses.replace(recording, track=probe.choose(job.track))
