"""Reads microphones: raw frames from the API's socket, resampled where needed, cut like any live source.

Each has its own threads, up to a limit; more wait in Redis for this process or another.
"""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import soxr

from ingest.courier import Courier, first_status
from ingest.detector import MakeDetector
from ingest.live import LiveCutter
from ingest.outbox import Outbox
from ingest.settings import Settings
from wire.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from wire.bus import Redis, RedisError
from wire.errors import DecodeError
from wire.messages import Kind, State, source_name
from wire.metrics import IngestMetrics
from wire.microphone import Hello, Microphones

log = logging.getLogger(__name__)

#: What a browser may say its rate is, in Hz.
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 384_000

#: More channels than that are not a microphone.
MOST_CHANNELS = 32

#: How long one request for frames waits, in seconds.
FRAMES_WAIT_S = 0.5


class Converter:
    """Frames of any rate and number of channels to 16 kHz mono s16le, keeping the resampler's state between them.

    Raises:
        ValueError: a rate or a number of channels that no microphone has.
    """

    def __init__(self, sample_rate_hz: int, channels: int = 1) -> None:
        if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
            raise ValueError(f"a sample rate of {sample_rate_hz} Hz; allowed are {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}")
        if not 1 <= channels <= MOST_CHANNELS:
            raise ValueError(f"{channels} channels; allowed are 1 to {MOST_CHANNELS}")
        self._channels = channels
        self._rest = b""
        self._stream = (
            None
            if sample_rate_hz == SAMPLE_RATE_HZ
            else soxr.ResampleStream(sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="int16")
        )

    def convert(self, pcm: bytes, *, last: bool = False) -> bytes:
        """The next frame, converted; `last` brings out what the resampler still holds."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % (SAMPLE_BYTES * self._channels)
        self._rest = pcm[whole:]
        samples = np.frombuffer(pcm[:whole], dtype="<i2")
        if self._channels > 1:
            samples = samples.reshape(-1, self._channels).mean(axis=1).round().astype("<i2")
        if self._stream is not None:
            samples = self._stream.resample_chunk(samples, last=last)
        return samples.astype("<i2", copy=False).tobytes()


class MicrophoneReader:
    """The thread that reads one microphone until it is closed, falls silent, or we stop."""

    def __init__(
        self,
        redis: Redis,
        hello: Hello,
        settings: Settings,
        metrics: IngestMetrics,
        make_detector: MakeDetector,
        stop: threading.Event,
        *,
        worker: str,
    ) -> None:
        self._hello = hello
        self._source = source_name(Kind.MICROPHONE, hello.id)
        self._microphones = Microphones(redis)
        self._idle_s = settings.microphone_idle_s
        self._stop = stop
        shed = metrics.shed_s.labels(Kind.MICROPHONE)
        outbox = Outbox(settings.live_max_lag_s, on_shed=lambda seconds: shed.inc(seconds))
        self._courier = Courier(redis, outbox, first_status(self._source, worker), metrics)
        self._cutter = LiveCutter(
            self._source,
            outbox,
            metrics,
            make_detector,
            chunk_samples=settings.chunk_samples,
            lead_samples=settings.lead_samples,
            language=hello.language,
            task=hello.task,
            steady=True,
        )
        self._thread = threading.Thread(target=self._run, name=f"microphone {hello.id}", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it still reads."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout=timeout_s)

    def _run(self) -> None:
        self._courier.start()
        hello = self._hello
        try:
            converter = Converter(hello.sample_rate, hello.channels)
            self._courier.report(
                state=State.RUNNING, codec="pcm_s16le", sample_rate_hz=hello.sample_rate, channels=hello.channels
            )
            log.info("microphone %s: open (%d Hz)", hello.id, hello.sample_rate)
            self._cutter.open()
            detail = self._read(converter)
            self._cutter.feed(converter.convert(b"", last=True))
            self._cutter.close()
            self._courier.report(state=State.FINISHED, detail=detail, activity="")
            log.info("microphone %s: closed after %.1f s", hello.id, self._cutter.audio_s)
        except ValueError as error:
            self._cutter.open()
            self._cutter.close()
            self._courier.report(state=State.FAILED, detail=str(error))
            log.warning("microphone %s: %s", hello.id, error)
        except Exception:
            self._cutter.close()
            self._courier.report(state=State.FAILED, detail="an error in Undertext itself")
            log.exception("microphone %s: unexpected", hello.id)
        finally:
            self._courier.close()

    def _read(self, converter: Converter) -> str:
        """Read to the end; why it ended."""
        after, heard_s = b"0", time.monotonic()
        while not self._stop.is_set():
            try:
                after, frames, closed = self._microphones.frames(self._hello.id, after, FRAMES_WAIT_S)
            except RedisError:
                self._stop.wait(1.0)
                heard_s = time.monotonic()  # it is not the microphone that is silent
                continue
            for frame in frames or [b""]:  # the clock settles in a pause, too
                if self._cutter.feed(converter.convert(frame)):
                    self._courier.report(audio_s=round(self._cutter.audio_s, 3), activity=self._cutter.activity)
            if closed:
                return ""
            if frames:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > self._idle_s:
                return f"nothing came for {self._idle_s:g} s"
        return "its ingest worker stopped"


class MicrophoneDesk:
    """Takes announcements and gives each microphone its reader.

    Args:
        worker: name of this process.
    """

    def __init__(
        self, redis: Redis, settings: Settings, metrics: IngestMetrics, make_detector: MakeDetector, *, worker: str
    ) -> None:
        self._redis = redis
        self._settings = settings
        self._metrics = metrics
        self._make_detector = make_detector
        self._worker = worker
        self._microphones = Microphones(redis)
        self._readers: list[MicrophoneReader] = []

    def run(self, stop: threading.Event) -> None:
        """Take microphones until `stop` is set, then end those that are open."""
        while not stop.is_set():
            self._readers = [reader for reader in self._readers if reader.alive]
            self._metrics.running.labels(Kind.MICROPHONE).set(len(self._readers))
            if len(self._readers) >= self._settings.max_microphones:
                stop.wait(0.5)
                continue
            hello = self._next(stop)
            if hello is not None:
                reader = MicrophoneReader(
                    self._redis, hello, self._settings, self._metrics, self._make_detector, stop, worker=self._worker
                )
                self._readers.append(reader)
                reader.start()
        until_s = time.monotonic() + 5.0
        for reader in self._readers:
            reader.join(max(0.1, until_s - time.monotonic()))

    def _next(self, stop: threading.Event) -> Hello | None:
        try:
            return self._microphones.next(1.0)
        except RedisError:
            stop.wait(1.0)
        except DecodeError as error:
            log.warning("not a microphone: %s", error)
        return None
