"""Reads a microphone: raw frames from the API's socket, resampled if necessary, cut like any live source."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ingest.context import Context
from ingest.live.courier import Courier, first_status
from ingest.live.cutter import LiveCutter
from ingest.live.lease import Hold
from ingest.live.outbox import Outbox
from ingest.microphones.converter import Converter
from ingest.options import Options
from wire.bus import RedisError
from wire.messages import Hello, Kind, State, source_name
from wire.microphone import Frame, Microphones, Position

log = logging.getLogger(__name__)

#: How long one request for frames waits, in seconds.
FRAMES_WAIT_S = 0.5

#: A client that can resume usually does so within this time, in seconds. One that is disconnected for longer gives way
#: to a waiting one, which has not lost any audio by then (`FRAMES_LIMIT`).
GRACE_S = 20.0


class MicrophoneReader:
    """The thread that reads one microphone until it is closed, stops sending, or this process stops.

    Args:
        hold: state of our lease on it; another process continues when it is lost.
        partials_wanted: returns True if partial chunks are of use.
    """

    def __init__(
        self, context: Context, hello: Hello, *, hold: Callable[[], Hold], partials_wanted: Callable[[], bool]
    ) -> None:
        self._hello = hello
        self._connection = 1
        self._source = source_name(Kind.MICROPHONE, hello.id)
        self._microphones = Microphones(context.redis)
        self._idle_s = context.settings.microphone_idle_s
        self._stop = context.stopping
        self._clock = context.clock
        shed_s = context.metrics.shed_s.labels(Kind.MICROPHONE)
        outbox = Outbox(context.settings.live_max_lag_s, on_shed=shed_s.inc)
        #: For each frame whose audio is not in chunks yet: the entry before it, and the audio before it in seconds.
        self._fed: deque[tuple[bytes, float]] = deque()
        self._before_s = 0.0  # audio of earlier connections
        self._disconnected_at_s: float | None = None  # monotonic time of its disconnection; None while connected
        self._giving_way = False  # it ends unless it is resumed
        status = first_status(self._source, context.worker)
        self._courier = Courier(
            context.redis, outbox, status, context.metrics, hold=hold, on_sending=self._save_position
        )
        self._cutter = LiveCutter(
            self._source,
            outbox,
            context.settings,
            context.metrics,
            context.make_detector,
            partials_wanted=partials_wanted,
            steady=True,
            now_s=context.clock,
        )
        self._thread = threading.Thread(target=self._run, name=f"microphone {hello.id}", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it is still reading."""
        return self._thread.is_alive()

    @property
    def disconnected_s(self) -> float:
        """How long it has been disconnected, in seconds; 0 while connected."""
        return 0.0 if self._disconnected_at_s is None else time.monotonic() - self._disconnected_at_s

    @property
    def leaving(self) -> bool:
        """Whether it was asked to `give_way`, and has not been resumed since."""
        return self._giving_way and self._disconnected_at_s is not None

    def give_way(self) -> None:
        """End soon for a waiting microphone, unless it is being resumed."""
        self._giving_way = True

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(timeout=timeout_s)

    def _run(self) -> None:
        self._courier.start()
        try:
            self._begin()
            detail = self._read()
            if detail is None:
                self._courier.report(
                    state=State.WAITING, detail="interrupted; it resumes when an ingest worker is running"
                )
                return
            self._cutter.feed(self._converter.convert(b"", last=True))
            self._end(State.FINISHED, detail)
            log.info("microphone %s: closed after %.1f s", self._hello.id, self._before_s + self._cutter.audio_s)
        except ValueError as error:
            self._cutter.open(Options.of(self._hello))
            self._end(State.FAILED, str(error))
            log.warning("microphone %s: %s", self._hello.id, error)
        except Exception:
            self._end(State.FAILED, "an internal error in Undertext")
            log.exception("microphone %s: unexpected error", self._hello.id)
        finally:
            self._courier.close()

    def _begin(self) -> None:
        """Begin a connection."""
        self._converter = Converter(self._hello.sample_rate, self._hello.channels)
        self._courier.report(
            state=State.RUNNING,
            detail="",
            codec="pcm_s16le",
            sample_rate_hz=self._hello.sample_rate,
            channels=self._hello.channels,
        )
        log.info("microphone %s: open (%d Hz)", self._hello.id, self._hello.sample_rate)
        self._before_s += self._cutter.audio_s
        self._cutter.open(Options.of(self._hello))

    def _pause(self) -> None:
        """Flush the audio before the loss of the connection, so that it is captioned now."""
        self._feed(self._converter.convert(b"", last=True))
        self._cutter.flush()
        self._converter = Converter(self._hello.sample_rate, self._hello.channels)

    def _resume(self, frame: Frame) -> None:
        """Continue with another connection: seamlessly if no audio is missing, else with a new epoch."""
        hello = self._microphones.hello(self._hello.id, frame.connection) or self._hello
        self._connection = frame.connection
        self._disconnected_at_s = None
        self._courier.report(reconnects=self._courier.status.reconnects + 1)
        if frame.gapless and hello == self._hello:
            self._courier.report(state=State.RUNNING, detail="")
            return
        self._hello = hello
        self._pause()
        self._begin()

    def _end(self, state: State, detail: str) -> None:
        """Send what is left, and record that the microphone has ended."""
        self._cutter.close()
        self._courier.report(state=state, detail=detail, activity="")
        try:
            self._microphones.mark_ended(self._hello.id)
        except RedisError as error:  # another process will find it later, and that its frames have expired
            log.debug("the end of microphone %s was not recorded: %s", self._hello.id, error)

    def _read(self) -> str | None:
        """Read to the end; return why it ended, or None if it has not and another process should continue."""
        after, last_frame_s = b"", time.monotonic()
        while not self._stop.is_set() and self._courier.hold() is not Hold.LOST:
            try:
                if not after:
                    after = self._resume_point()
                    last_frame_s = self._arrival_s(after)
                frames, closed = self._microphones.frames(self._hello.id, after, FRAMES_WAIT_S)
                for frame in frames:
                    self._process_entry(frame, after)
                    after = frame.entry
                if not frames:
                    self._feed(b"")  # lets the clock settle in a pause
            except RedisError:
                self._stop.wait(1.0)
                last_frame_s = time.monotonic()  # the silence is not the microphone's
                continue
            if closed:
                return ""
            if frames:
                last_frame_s = self._arrival_s(after)
            elif (why := self._end_reason(last_frame_s)) and self._try_give_up(after):
                return why
        return None

    def _arrival_s(self, entry: bytes) -> float:
        """Arrival of a stream entry on the monotonic clock, so that a new reader does not restart the idle time-out.

        Leaves the client at least `GRACE_S` to come back, as there may have been no process that could accept it.
        """
        came_ms = int(entry.partition(b"-")[0])
        silent_s = self._clock() - came_ms / 1000 if came_ms else 0.0
        return time.monotonic() - max(0.0, min(silent_s, self._idle_s - GRACE_S))

    def _end_reason(self, last_frame_s: float) -> str:
        """Why to stop waiting for audio; empty to keep waiting."""
        if self.leaving:
            return "its connection was lost, and another microphone was waiting for its place"
        return f"no audio arrived for {self._idle_s:g} s" if time.monotonic() - last_frame_s > self._idle_s else ""

    def _process_entry(self, frame: Frame, after: bytes) -> None:
        """Process a stream entry, the next one after entry `after`."""
        if frame.connection != self._connection:
            self._resume(frame)
        self._fed.append((after, self._before_s + self._cutter.audio_s))
        if frame.broken:
            self._disconnected_at_s, self._giving_way = time.monotonic(), False
            self._pause()
            detail = f"its connection was lost; it can be resumed within {self._idle_s:g} s"
            self._courier.report(state=State.RECONNECTING, detail=detail, activity="")
        else:
            self._feed(self._converter.convert(frame.pcm))

    def _try_give_up(self, after: bytes) -> bool:
        """Try to end it for good; False if it was just resumed, or Redis is unavailable."""
        try:
            return self._microphones.give_up(self._hello.id, after)
        except RedisError:
            return False

    def _feed(self, pcm: bytes) -> None:
        """Cut audio into chunks, and report progress."""
        if self._cutter.feed(pcm):
            self._courier.report(audio_s=round(self._cutter.audio_s, 3), activity=self._cutter.activity)

    def _resume_point(self) -> bytes:
        """The entry after which to continue, if another process has read it before."""
        position = self._microphones.position(self._hello.id)
        if position.n_chunks:
            self._courier.queued = position.epoch, position.n_chunks
        return position.entry

    def _save_position(self, pipeline: Any, sent_s: float, epoch: int, n_chunks: int) -> None:
        """Record where another process would have to continue. Runs on the courier's thread.

        Args:
            pipeline: the transaction that queues a chunk: after a kill in between, its audio would be captioned twice.
            sent_s: amount of audio in queued chunks, including this one.
        """
        while len(self._fed) > 1 and self._fed[1][1] <= sent_s:
            self._fed.popleft()
        if self._fed:
            self._microphones.save_position(pipeline, self._hello.id, Position(self._fed[0][0], epoch, n_chunks))
