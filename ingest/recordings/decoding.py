"""Decodes one upload, or one file on a server, into chunks.

A job's epoch is always 1 and every attempt yields the same chunks. So an attempt that follows a killed one decodes
from the beginning again (fast, and exact in every format, unlike seeking) and queues only what is not captioned yet.
Decoded audio is not stored: it is read from a pipe, and the decoder waits while transcribers are behind.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator

from rq.timeouts import JobTimeoutException

from ingest.chunker import Chunker, Piece
from ingest.context import Context
from ingest.media.coded import PIPE_BYTES
from ingest.media.ffmpeg import Process, decode_command
from ingest.options import NO_OPTIONS, Options
from ingest.recordings.attempt import Attempt, Interrupted, JobEnded, check_not_ended
from ingest.recordings.ending import Ending, NothingDecoded
from ingest.recordings.recording import FETCH_STALL_S, Locator, Recording
from ingest.speech.detector import Detector
from wire.audio import SAMPLE_BYTES, samples, seconds
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.errors import QueueFull, UndertextError, UnknownSource
from wire.messages import Job, Kind, State, Status, source_name
from wire.queue import ChunkQueue
from wire.sources import Jobs, Statuses

log = logging.getLogger(__name__)


class Decoding:
    """The decoding of one job, in one attempt."""

    def __init__(self, job_id: str, context: Context) -> None:
        self._id = job_id
        self._source = source_name(Kind.JOB, job_id)
        self._context = context
        self._settings = context.settings
        self._jobs = Jobs(context.redis, retention_s=context.settings.retention_s)
        self._attempt = Attempt(job_id, context.redis, self._jobs, context.stopping)
        self._queue = ChunkQueue(context.redis)
        self._captions = CaptionLog(context.redis)
        self._detector: Detector = context.make_detector()
        self._first_seq = 0  # earlier chunks are captioned already
        self._captioned_seq = 0
        self._status = Status(self._source)
        self._chunker: Chunker
        self._options = NO_OPTIONS
        self._endless = False

    def run(self, *, final: bool = True) -> None:
        """Decode the whole job.

        Args:
            final: no other attempt will follow an unexpected failure.

        Raises:
            Interrupted: the attempt must end early; another one has to continue.
        """
        outcome = "failed"
        job: Job | None = None
        self._context.metrics.running.labels(Kind.JOB).set(1)
        try:
            job = self._attempt.with_retries(lambda: self._jobs.get(self._id))
            if not (job.state.ended or job.decoded):  # RQ may run a finished job again
                self._decode(job)
            outcome = "decoded"
        except UnknownSource:
            log.info("job %s: its record was deleted or has expired", self._id)
            outcome = "cancelled"
        except JobEnded as end:
            log.info("job %s: %s", self._id, end.state)
            outcome = str(end.state)
        except Interrupted:
            log.info("job %s: interrupted; another attempt will continue it", self._id)
            outcome = "interrupted"
            raise
        except UndertextError as error:
            self._fail(str(error))
        except JobTimeoutException:
            self._fail("it exceeded its time limit; were transcribers running?")
        except Exception as error:
            log.exception("job %s: unexpected error", self._id)
            if final:
                self._fail(f"an internal error in Undertext: {error!r}")
            else:
                outcome = "retried"
            raise
        finally:
            self._context.metrics.jobs.labels(outcome).inc()
            self._context.metrics.running.labels(Kind.JOB).set(0)
            if job is not None and outcome in ("decoded", "cancelled", "failed"):
                self._locator(job).remove_files()

    def give_up(self) -> None:
        """Mark the job as failed because no further attempt follows, unless it was decoded completely."""
        with contextlib.suppress(UnknownSource):
            job = self._jobs.get(self._id)
            if not job.decoded:
                self._fail("every process that decoded it was killed; it may need more memory than is available")
                self._locator(job).remove_files()

    def _decode(self, job: Job) -> None:
        self._attempt.check_redis_run()
        done = self._attempt.with_retries(lambda: self._captions.progress(self._source))
        if done.finished:
            return
        self._first_seq = self._captioned_seq = done.next_seq
        locator = self._locator(job)
        recording = locator.find()
        self._announce(recording)
        try:
            warning = self._stream(recording, job)
        except NothingDecoded as failure:
            if not recording.remote or recording.probe.hls:
                raise failure.reason from failure
            warning = self._stream(locator.fetch(recording), job)
        self._finish(warning)

    def _stream(self, recording: Recording, job: Job) -> str:
        """Decode the recording and queue all pieces but the last; return a warning if audio is missing.

        Raises:
            NothingDecoded: ffmpeg failed without decoding anything.
        """
        command = decode_command(
            recording.target, remote=recording.remote, live=False, track=recording.track, timeout_s=FETCH_STALL_S
        )
        self._detector = self._context.make_detector()
        self._options = Options.of(job)
        self._endless = recording.endless
        self._chunker = chunker = Chunker(self._settings.chunk_samples, self._settings.lead_samples)
        limit = samples(self._settings.max_upload_hours * 3600)
        with Process(command) as process:
            decoded = process.read(stall_s=2 * FETCH_STALL_S, stop=lambda: chunker.samples >= limit)
            for pcm in _with_leading_silence(decoded, recording.probe.tracks[recording.track].start_s):
                self._context.metrics.audio_s.labels(Kind.JOB).inc(seconds(len(pcm) // SAMPLE_BYTES))
                self._attempt.check()
                for piece in chunker.feed(pcm):
                    self._put(piece)
                if chunker.samples >= limit:  # before more is read: the silence before a late track may last for years
                    break
            if chunker.samples >= limit:
                length = f"{self._settings.max_upload_hours:g} hours (MAX_UPLOAD_HOURS)"
                return f"only the first {length} were captioned"
            code = process.wait()
        ending = Ending(code, seconds(chunker.samples), process.last_lines, process.several_errors)
        return ending.warning(recording)

    def _finish(self, warning: str) -> None:
        self._put(self._chunker.finish())
        self._attempt.check_redis_run()
        length_s = seconds(self._chunker.samples)
        job = self._attempt.with_retries(
            lambda: self._jobs.change(self._id, duration_s=length_s, decoded=True, warning=warning)
        )
        check_not_ended(job)
        self._report(dataclasses.replace(self._status, audio_s=length_s))
        log.info("job %s: decoded %.1f s", self._id, length_s)

    def _announce(self, recording: Recording) -> None:
        probe, track = recording.probe, recording.probe.tracks[recording.track]
        job = self._attempt.with_retries(
            lambda: self._jobs.change(
                self._id, state=State.RUNNING, duration_s=probe.duration_s, tracks=len(probe.tracks)
            )
        )
        check_not_ended(job)
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
        """Queue one piece as soon as there is room."""
        with self._context.metrics.stage_s.labels("detect").time():
            content = self._detector(piece.new_pcm)
        if piece.seq < self._first_seq and not piece.last:
            self._attempt.skipping(seconds(self._chunker.samples), endless=self._endless)
            return
        self._attempt.caught_up()
        chunk = piece.chunk(
            self._source,
            epoch=1,
            origin_s=0.0,
            content=content,
            onset_samples=self._detector.onset_samples,
            options=self._options,
            captured_s=time.time(),
        )
        while piece.seq - self._captioned_seq >= self._settings.upload_ahead_chunks:
            self._captioned_seq = self._attempt.with_retries(lambda: self._captions.progress(self._source)).next_seq
            if piece.seq - self._captioned_seq >= self._settings.upload_ahead_chunks:
                self._attempt.pause()
        while not self._attempt.with_retries(lambda: self._offer(chunk)):
            self._attempt.pause()
        self._context.metrics.chunks.labels(Kind.JOB, content).inc()

    def _offer(self, chunk: Chunk) -> bool:
        try:
            self._queue.put(chunk)
        except QueueFull:
            return False
        return True

    def _fail(self, why: str) -> None:
        log.warning("job %s: %s", self._id, why)
        try:
            failed = self._attempt.with_retries(lambda: self._jobs.fail(self._id, why))
        except UnknownSource:
            return
        if failed:
            self._report(dataclasses.replace(self._status, state=State.FAILED, detail=why, since_s=time.time()))

    def _report(self, status: Status) -> None:
        self._status = status
        statuses = Statuses(self._context.redis, retention_s=self._settings.retention_s)
        self._attempt.with_retries(lambda: statuses.save(status))

    def _locator(self, job: Job) -> Locator:
        return Locator(job, self._context, self._attempt.check)


def _with_leading_silence(decoded: Iterator[bytes], start_s: float) -> Iterator[bytes]:
    """Prepend `start_s` seconds of silence to a track that begins late, if anything of it was decoded."""
    left = samples(start_s) * SAMPLE_BYTES
    for pcm in decoded:
        while pcm and left:
            yield bytes(min(left, PIPE_BYTES))
            left -= min(left, PIPE_BYTES)
        yield pcm
