"""Decodes one upload, or one file on a server, into chunks.

A job's epoch is always 1 and its chunks are the same at every attempt, so an attempt that follows a killed one decodes
from the beginning again (fast, and exact in every format, which seeking is not) and queues only what is not captioned
yet. Nothing of the audio is stored: it flows through a pipe, and the decoder waits while transcribers are behind.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
from rq.timeouts import JobTimeoutException

from ingest.chunker import Chunker, Piece
from ingest.detector import Detector, MakeDetector, SilenceDetector
from ingest.ffmpeg import Process, decode_command
from ingest.probe import explain
from ingest.recording import FETCH_STALL_S, Recording, fetch, fetched_path, find, mended_path, upload_path
from ingest.settings import Settings
from wire.audio import SAMPLE_BYTES, samples, seconds
from wire.bus import AWAY, Redis
from wire.captions import CaptionLog
from wire.errors import QueueFull, SourceError, UndertextError, UnknownSource
from wire.jobs import waiting_decodes
from wire.messages import Chunk, Job, Kind, State, Status, Task, source_name
from wire.metrics import IngestMetrics
from wire.queue import ChunkQueue
from wire.sources import Jobs, Statuses

log = logging.getLogger(__name__)
T = TypeVar("T")

#: A recording that ends so much earlier than its header says was cut off, in seconds.
EARLY_S = 2.0

#: So little may come of any bytes: some of them look like a frame of MP3. In seconds.
CHANCE_S = 1.0

#: How often a waiting decoder looks again, in seconds.
LOOK_EVERY_S = 0.25

#: How often it asks whether its job was cancelled, in seconds.
ASK_EVERY_S = 1.0

#: An upload that has had a decoder for so long gives way to one that waits, in seconds …
TURN_S = 60.0

#: … but has it at least this many times as long as it took to decode again what it had done before.
TURN_FACTOR = 5.0


class Settled(UndertextError):
    """Nobody wants more captions: the job was cancelled, or has failed elsewhere.

    Attributes:
        state: which of the two.
    """

    def __init__(self, state: State) -> None:
        super().__init__(f"the job is {state}")
        self.state = state


class Interrupted(UndertextError):
    """This process is to stop, or another upload's turn has come; another attempt will go on."""


class _NothingDecoded(Exception):
    """ffmpeg failed, and what it decoded is nothing.

    Attributes:
        reason: what to tell the user.
    """

    def __init__(self, reason: SourceError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class Workplace:
    """What a decoding needs of the world around it."""

    redis: Redis
    settings: Settings
    metrics: IngestMetrics
    client: httpx.Client
    make_detector: MakeDetector = SilenceDetector
    stopping: threading.Event = field(default_factory=threading.Event)


class Decoding:
    """One attempt at one job."""

    def __init__(self, job_id: str, here: Workplace) -> None:
        self._id = job_id
        self._source = source_name(Kind.JOB, job_id)
        self._here = here
        self._settings = here.settings
        self._jobs = Jobs(here.redis, retention_s=here.settings.retention_s)
        self._queue = ChunkQueue(here.redis)
        self._captions = CaptionLog(here.redis)
        self._detector: Detector = here.make_detector()
        self._asked_s = 0.0
        self._first_seq = 0  # chunks before it are captioned already
        self._captioned_seq = 0
        self._status = Status(self._source)
        self._chunker: Chunker
        self._language: str | None = None
        self._task: Task | None = None
        self._turn_began_s = time.monotonic()
        self._skipped_s: float | None = None  # it took so long to come to the first piece that was new

    def run(self, *, final: bool = True) -> None:
        """Decode the job to its end.

        Args:
            final: no other attempt would follow an unforeseen failure.

        Raises:
            Interrupted: the process stops; another attempt has to go on.
        """
        outcome = "failed"
        job: Job | None = None
        self._here.metrics.running.labels(Kind.JOB).set(1)
        try:
            job = self._patiently(lambda: self._jobs.get(self._id))
            if not (job.state.ended or job.decoded):  # RQ may call again for what is done
                self._decode(job)
            outcome = "decoded"
        except UnknownSource:
            log.info("job %s: forgotten", self._id)
            outcome = "cancelled"
        except Settled as end:
            log.info("job %s: %s", self._id, end.state)
            outcome = str(end.state)
        except Interrupted:
            log.info("job %s: to be continued", self._id)
            outcome = "interrupted"
            raise
        except UndertextError as error:
            self._fail(str(error))
        except JobTimeoutException:
            self._fail("it took longer than is allowed; were transcribers running?")
        except Exception as error:
            log.exception("job %s: unexpected", self._id)
            if final:
                self._fail(f"an error in Undertext itself: {error!r}")
            else:
                outcome = "retried"
            raise
        finally:
            self._here.metrics.jobs.labels(outcome).inc()
            self._here.metrics.running.labels(Kind.JOB).set(0)
            if job is not None and outcome in ("decoded", "cancelled", "failed"):
                self._remove_files(job)

    def _decode(self, job: Job) -> None:
        done = self._patiently(lambda: self._captions.progress(self._source))
        if done.finished:
            return
        self._first_seq = self._captioned_seq = done.next_seq
        recording = find(job, self._settings, self._here.client)
        self._announce(recording)
        try:
            warning = self._stream(recording, job)
        except _NothingDecoded as failure:
            if not recording.remote or recording.probe.hls:
                raise failure.reason from failure
            recording = fetch(recording, job, self._settings, self._here.client, self._check)
            warning = self._stream(recording, job)
        self._finish(warning)

    def _stream(self, recording: Recording, job: Job) -> str:
        """Decode and queue all but the last piece; what the captions lack because of how it ended, if anything.

        Raises:
            _NothingDecoded: ffmpeg failed, and what it decoded is nothing.
        """
        command = decode_command(
            recording.target, remote=recording.remote, live=False, track=recording.track, timeout_s=FETCH_STALL_S
        )
        self._detector = self._here.make_detector()
        self._language, self._task = job.language, job.task
        self._chunker = chunker = Chunker(self._settings.chunk_samples, self._settings.lead_samples)
        limit = samples(self._settings.max_upload_hours * 3600)
        with Process(command) as process:
            for pcm in process.read(stall_s=2 * FETCH_STALL_S, stop=lambda: chunker.samples >= limit):
                self._here.metrics.audio_s.labels(Kind.JOB).inc(seconds(len(pcm) // SAMPLE_BYTES))
                self._check()
                for piece in chunker.feed(pcm):
                    self._put(piece)
            if chunker.samples >= limit:
                most = f"{self._settings.max_upload_hours:g} hours (MAX_UPLOAD_HOURS)"
                return f"captioned up to {most}; the rest was left out"
            code = process.wait()
        # ffmpeg ends with 0 even where a server broke off in the middle; what it complained of tells.
        expected_s = recording.probe.duration_s or 0.0
        decoded_s = seconds(chunker.samples)
        if (code and decoded_s < CHANCE_S) or (expected_s and not decoded_s):
            raise _NothingDecoded(explain(process.last_lines))
        promised_s = recording.probe.promised_s or 0.0
        if not code and decoded_s < promised_s - EARLY_S:
            return f"the recording is cut off: its header says {promised_s:.1f} s; captioned as far as it goes"
        early = process.last_lines and decoded_s < expected_s - EARLY_S
        # Of a file on a server, ffmpeg also complains when it connects anew, and nothing is missing.
        if code or early or recording.silence_s or (process.stumbled and not recording.remote):
            silence = f"{recording.silence_s:.1f} s are silent" if recording.silence_s else ""
            why = silence or process.last_lines or f"ffmpeg ended with code {code}"
            return f"the recording is damaged: parts of it could not be decoded, the rest is captioned ({why})"
        return ""

    def _finish(self, warning: str) -> None:
        self._put(self._chunker.finish())
        length_s = seconds(self._chunker.samples)
        job = self._patiently(lambda: self._jobs.change(self._id, duration_s=length_s, decoded=True, warning=warning))
        _go_on(job)
        self._report(dataclasses.replace(self._status, audio_s=length_s))
        log.info("job %s: decoded %.1f s", self._id, length_s)

    def _announce(self, recording: Recording) -> None:
        probe, track = recording.probe, recording.probe.tracks[recording.track]
        job = self._patiently(
            lambda: self._jobs.change(
                self._id, state=State.RUNNING, duration_s=probe.duration_s, tracks=len(probe.tracks)
            )
        )
        _go_on(job)
        self._report(
            Status(
                self._source,
                state=State.RUNNING,
                detail=recording.note(),
                codec=track.codec,
                sample_rate_hz=track.sample_rate_hz,
                channels=track.channels,
                bit_rate=track.bit_rate,
                epoch=1,
                since_s=time.time(),
            )
        )

    def _put(self, piece: Piece) -> None:
        """Queue one piece as soon as there is room for it."""
        with self._here.metrics.stage_s.labels("detect").time():
            content = self._detector(piece.new_pcm)
        if piece.seq < self._first_seq and not piece.last:
            return
        if self._skipped_s is None:
            self._skipped_s = time.monotonic() - self._turn_began_s
        chunk = piece.chunk(
            self._source,
            epoch=1,
            origin_s=0.0,
            content=content,
            onset_samples=self._detector.onset_samples,
            language=self._language,
            task=self._task,
            captured_s=time.time(),
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
            _go_on(self._patiently(lambda: self._jobs.get(self._id)))
            self._give_way()

    def _give_way(self) -> None:
        """Leave the decoder to the next upload after a fair while: an hour-long one must not hold up a short one."""
        now_s = time.monotonic()
        if self._skipped_s is None or now_s - self._turn_began_s < max(TURN_S, TURN_FACTOR * self._skipped_s):
            return
        if self._patiently(lambda: waiting_decodes(self._here.redis)):
            log.info("job %s: gives way to another", self._id)
            raise Interrupted

    def _fail(self, why: str) -> None:
        log.warning("job %s: %s", self._id, why)
        try:
            failed = self._patiently(lambda: self._jobs.fail(self._id, why))
        except UnknownSource:
            return
        if failed:
            self._report(dataclasses.replace(self._status, state=State.FAILED, detail=why, since_s=time.time()))

    def _report(self, status: Status) -> None:
        self._status = status
        statuses = Statuses(self._here.redis, retention_s=self._settings.retention_s)
        self._patiently(lambda: statuses.save(status))

    def _remove_files(self, job: Job) -> None:
        try:
            for made in (fetched_path, mended_path):
                made(job, self._settings).unlink(missing_ok=True)
            if job.path:
                upload_path(job, self._settings).unlink(missing_ok=True)
        except (OSError, SourceError) as error:
            log.warning("job %s: its file stays: %s", self._id, error)


def _go_on(job: Job) -> None:
    """Raises if the job is settled."""
    if job.state.ended:
        raise Settled(job.state)
