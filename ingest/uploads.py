"""Decodes one upload, or one file on a server, into chunks: the RQ job that `wire.jobs.DECODE` names.

A job's epoch is always 1 and its chunks are the same at every attempt, so an attempt that follows a killed one decodes
from the beginning again (fast, and exact in every format, which seeking is not) and queues only what is not captioned
yet. Nothing of the audio is stored: it flows through a pipe, and the decoder waits while transcribers are behind.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
from prometheus_client import CollectorRegistry
from rq import Retry, get_current_job
from rq.timeouts import JobTimeoutException

from ingest.chunker import Chunker, Piece
from ingest.detector import Detector, MakeDetector, SilenceDetector
from ingest.ffmpeg import Process, decode_command
from ingest.playlist import make_client, resolve
from ingest.probe import Probe, Track, explain, probe_file, probe_url
from ingest.settings import Settings
from wire.audio import SAMPLE_BYTES, seconds
from wire.bus import AWAY, Redis, connect
from wire.captions import CaptionLog
from wire.errors import NotAudio, QueueFull, SourceError, UndertextError, UnknownSource
from wire.messages import Chunk, Job, Kind, State, Status, source_name
from wire.metrics import IngestMetrics
from wire.queue import ChunkQueue
from wire.settings import load
from wire.sources import Jobs, Statuses

log = logging.getLogger(__name__)
T = TypeVar("T")

#: How often a waiting decoder looks again, in seconds.
LOOK_EVERY_S = 0.25

#: How often it asks whether its job was cancelled, in seconds.
ASK_EVERY_S = 1.0

#: A network that is silent for so long has ended a fetch, in seconds.
FETCH_STALL_S = 60.0

#: Attempts that an orderly stop may cause; they are not failures.
MAX_RESTARTS = 1000


class Cancelled(UndertextError):
    """Nobody wants the captions any more."""


class Interrupted(UndertextError):
    """This process is to stop; another attempt will go on."""


@dataclass(frozen=True)
class Workplace:
    """What a decoding needs of the world around it."""

    redis: Redis
    settings: Settings
    metrics: IngestMetrics
    client: httpx.Client
    make_detector: MakeDetector = SilenceDetector
    stopping: threading.Event = field(default_factory=threading.Event)


_workplace: Workplace | None = None


def workplace(metrics: IngestMetrics | None = None) -> Workplace:
    """The workplace of this process: RQ hands a job nothing but its id. Made from the environment when first asked."""
    global _workplace
    if _workplace is None:
        settings = load(Settings, os.environ)
        _workplace = Workplace(
            redis=connect(settings.redis_url),
            settings=settings,
            metrics=metrics or IngestMetrics(CollectorRegistry()),
            client=make_client(settings.connect_timeout_s),
        )
    return _workplace


def decode(job_id: str) -> Retry | None:
    """RQ calls this. Every outcome that the user should know is in the job's record afterwards."""
    here = workplace()
    attempt = get_current_job()
    final = attempt is None or not attempt.retries_left
    try:
        Decoding(job_id, here).run(final=final)
    except Interrupted:
        return Retry(max=MAX_RESTARTS)
    return None


class Decoding:
    """One attempt at one job."""

    def __init__(self, job_id: str, here: Workplace) -> None:
        self._id = job_id
        self._source = source_name(Kind.JOB, job_id)
        self._here = here
        self._settings = here.settings
        self._jobs = Jobs(here.redis)
        self._queue = ChunkQueue(here.redis)
        self._captions = CaptionLog(here.redis)
        self._detector: Detector = here.make_detector()
        self._asked_s = 0.0
        self._first_seq = 0  # chunks before it are captioned already
        self._captioned_seq = 0
        self._status = Status(self._source)

    def run(self, *, final: bool = True) -> None:
        """Decode the job to its end.

        Args:
            final: no other attempt would follow an unforeseen failure.

        Raises:
            Interrupted: the process stops; another attempt has to go on.
        """
        outcome = "failed"
        job: Job | None = None
        try:
            job = self._patiently(lambda: self._jobs.get(self._id))
            if not job.state.ended:
                self._decode(job)
            outcome = "decoded"
        except (Cancelled, UnknownSource):
            log.info("job %s: cancelled", self._id)
            outcome = "cancelled"
        except Interrupted:
            log.info("job %s: to be continued", self._id)
            outcome = "interrupted"
            raise
        except UndertextError as error:
            self._fail(str(error))
        except JobTimeoutException:
            self._fail("it took longer than is allowed; were transcribers running?")
        except Exception as error:
            if final:
                self._fail(f"an error in Undertext itself: {error!r}")
            else:
                outcome = "retried"
            raise
        finally:
            self._here.metrics.jobs.labels(outcome).inc()
            if job is not None and outcome in ("decoded", "cancelled", "failed"):
                self._remove_file(job)

    def _decode(self, job: Job) -> None:
        done = self._patiently(lambda: self._captions.progress(self._source))
        if done.finished:
            return
        self._first_seq = self._captioned_seq = done.next_seq
        target, probe = self._look(job)
        number = probe.choose(job.track)
        self._announce(probe, number)
        command = decode_command(target, remote=bool(job.url), live=False, track=number, timeout_s=FETCH_STALL_S)
        self._detector = self._here.make_detector()
        chunker = Chunker(self._settings.chunk_samples, self._settings.lead_samples)
        limit = round(self._settings.max_upload_hours * 3600) * 16_000
        with Process(command) as process:
            for pcm in process.read(stall_s=2 * FETCH_STALL_S, stop=lambda: chunker.samples >= limit):
                self._here.metrics.audio_s.labels(Kind.JOB).inc(seconds(len(pcm) // SAMPLE_BYTES))
                self._check()
                for piece in chunker.feed(pcm):
                    self._put(piece, job.language)
            complaint = self._complaint(process, chunker.samples, limit)
        self._put(chunker.finish(), job.language)
        length_s = seconds(chunker.samples)
        self._patiently(lambda: self._jobs.change(self._id, duration_s=length_s))
        notes = [note for note in (self._status.detail, complaint) if note]
        self._report(dataclasses.replace(self._status, audio_s=length_s, detail="; ".join(notes)))
        log.info("job %s: decoded %.1f s", self._id, length_s)

    def _look(self, job: Job) -> tuple[str, Probe]:
        """What ffmpeg is to read, and what it is made of."""
        if job.url:
            address = resolve(job.url, self._here.client)
            n_mb, most_mb = (address.n_bytes or 0) / 1e6, self._settings.max_fetch_mb
            if n_mb > most_mb:
                raise NotAudio(f"it has {n_mb:.0f} MB; at most {most_mb:g} MB are fetched (MAX_FETCH_MB)")
            target = address.url
            probe = probe_url(target, live=False, timeout_s=FETCH_STALL_S)
            if probe.duration_s is None and address.n_bytes is None:
                raise NotAudio("it is a live stream without an end: add it as a station with POST /stations")
        else:
            path = self._path(job)
            target, probe = str(path), probe_file(path)
        n_hours, most_hours = (probe.duration_s or 0) / 3600, self._settings.max_upload_hours
        if n_hours > most_hours:
            raise NotAudio(f"it lasts {n_hours:.1f} hours; at most {most_hours:g} are accepted (MAX_UPLOAD_HOURS)")
        return target, probe

    def _announce(self, probe: Probe, number: int) -> None:
        track = probe.tracks[number]
        job = self._patiently(
            lambda: self._jobs.change(
                self._id, state=State.RUNNING, duration_s=probe.duration_s, tracks=len(probe.tracks)
            )
        )
        if job.state.ended:
            raise Cancelled
        self._report(
            Status(
                self._source,
                state=State.RUNNING,
                detail=_chosen(probe, number),
                codec=track.codec,
                sample_rate_hz=track.sample_rate_hz,
                channels=track.channels,
                bit_rate=track.bit_rate,
                epoch=1,
                since_s=time.time(),
            )
        )

    def _complaint(self, process: Process, n_samples: int, limit: int) -> str:
        """What is to be said about the end of a decoding; raises if nothing at all could be decoded."""
        if n_samples >= limit:
            return (
                f"captioned up to {self._settings.max_upload_hours:g} hours (MAX_UPLOAD_HOURS); the rest was left out"
            )
        code = process.wait()
        if code == 0:
            return ""
        if n_samples == 0:
            raise explain(process.last_lines)
        return f"it is damaged; captioned as far as it goes ({process.last_lines or f'ffmpeg ended with code {code}'})"

    def _put(self, piece: Piece, language: str | None) -> None:
        """Queue one piece as soon as there is room for it."""
        content = self._detector(piece.pcm, piece.lead_samples)
        if piece.seq < self._first_seq and not piece.last:
            return
        chunk = piece.chunk(
            self._source, epoch=1, origin_s=0.0, content=content, language=language, captured_s=time.time()
        )
        while piece.seq - self._captioned_seq >= self._settings.upload_ahead_chunks:
            self._captioned_seq = self._patiently(lambda: self._captions.progress(self._source)).next_seq
            if piece.seq - self._captioned_seq >= self._settings.upload_ahead_chunks:
                self._pause()
        while not self._patiently(lambda: self._offer(chunk)):
            self._pause()
        self._here.metrics.chunks.labels(Kind.JOB, content).inc()

    def _offer(self, chunk: Chunk) -> bool:
        try:
            self._queue.put(chunk)
        except QueueFull:
            return False
        return True

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask Redis until it answers."""
        while True:
            try:
                return ask()
            except AWAY as error:
                log.debug("job %s waits for Redis: %s", self._id, error)
                if self._here.stopping.wait(1.0):
                    raise Interrupted from error

    def _pause(self) -> None:
        self._here.stopping.wait(LOOK_EVERY_S)
        self._check()

    def _check(self) -> None:
        """Raises if there is a reason not to go on."""
        if self._here.stopping.is_set():
            raise Interrupted
        if time.monotonic() - self._asked_s >= ASK_EVERY_S:
            self._asked_s = time.monotonic()
            if self._patiently(lambda: self._jobs.get(self._id)).state.ended:
                raise Cancelled

    def _fail(self, why: str) -> None:
        log.warning("job %s: %s", self._id, why)
        try:
            self._patiently(lambda: self._jobs.change(self._id, state=State.FAILED, error=why))
        except UnknownSource:
            return
        self._report(dataclasses.replace(self._status, state=State.FAILED, detail=why, since_s=time.time()))

    def _report(self, status: Status) -> None:
        self._status = status
        self._patiently(lambda: Statuses(self._here.redis).save(status))

    def _path(self, job: Job) -> Path:
        path = (self._settings.uploads / job.path).resolve()
        if not job.path or not path.is_relative_to(self._settings.uploads):
            raise SourceError(f"{job.path!r} is not in the uploads folder")
        return path

    def _remove_file(self, job: Job) -> None:
        if not job.path:
            return
        try:
            self._path(job).unlink(missing_ok=True)
        except (OSError, SourceError) as error:
            log.warning("job %s: its file stays: %s", self._id, error)


def _chosen(probe: Probe, number: int) -> str:
    """A note on the track that was chosen; empty if there was no choice."""
    if len(probe.tracks) == 1:
        return ""
    track: Track = probe.tracks[number]
    about = ", ".join(part for part in (track.language, track.title) if part)
    return f"audio track {number} of {len(probe.tracks)}" + (f" ({about})" if about else "")
