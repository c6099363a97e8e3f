"""Cuts a live source's PCM into chunks, with times and classification. Used for stations and microphones.

Chunks wait here until the epoch's clock has settled (see `clock`), about a second after a connection begins. When the
clock is no longer valid, because audio was lost upstream or the sender's clock is off, a new epoch begins in the
middle of the connection.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ingest.chunker import Chunker, Piece
from ingest.live.clock import SETTLE_S, LiveClock
from ingest.live.outbox import Outbox
from ingest.options import NO_OPTIONS, Options
from ingest.settings import Settings
from ingest.speech.detector import Detector, MakeDetector
from wire.audio import SAMPLE_BYTES, seconds
from wire.chunk import Chunk
from wire.messages import split_source
from wire.metrics import IngestMetrics

log = logging.getLogger(__name__)

#: Maximum audio that waits for the clock, in seconds.
HELD_S = 60.0


class LiveCutter:
    """Turns one live source into chunks in its outbox.

    Args:
        source: its name.
        partials_wanted: returns True if partial chunks are of use: somebody watches, and transcribers take them.
        steady: for a microphone: one epoch from one `open` to the next regardless of its clock, with a last chunk even
            if no audio arrived.
        now_s: Unix time.
    """

    def __init__(
        self,
        source: str,
        outbox: Outbox,
        settings: Settings,
        metrics: IngestMetrics,
        make_detector: MakeDetector,
        *,
        partials_wanted: Callable[[], bool] = lambda: True,
        steady: bool = False,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._kind = split_source(source)[0]
        self._outbox = outbox
        self._settings = settings
        self._metrics = metrics
        self._make_detector = make_detector
        self._partials_wanted = partials_wanted
        self._steady = steady
        self._now_s = now_s
        self._connection = 0
        self._before_s = 0.0  # audio of this connection before the epoch began
        self._chunker: Chunker | None = None
        self._detector: Detector
        self._clock: LiveClock
        self._held: list[tuple[Piece, float]] = []
        self._sent_s = 0.0
        self._ahead_samples = 0  # samples of the next chunk that were sent as a partial one
        self.activity = ""
        self.audio_s = 0.0  # received since the connection began

    def open(self, options: Options = NO_OPTIONS, *, settle_s: float = SETTLE_S) -> None:
        """Begin a connection: a new epoch with its own clock."""
        self._options = options
        self._settle_s = settle_s
        self.audio_s = 0.0
        self._begin()

    def at(self, audio_s: float) -> float | None:
        """Unix time of the audio `audio_s` seconds after the start of the connection; None while it is unknown."""
        origin_s = self._clock.origin_s
        return None if origin_s is None else origin_s + audio_s - self._before_s

    def feed(self, pcm: bytes) -> bool:
        """Add PCM as it arrives; empty if none arrived for a while. Return True if chunks were sent."""
        chunker = self._chunker
        if chunker is None:
            raise RuntimeError("feed() before open()")
        now_s = self._now_s()
        if pcm:
            duration_s = seconds(len(pcm) // SAMPLE_BYTES)
            self.audio_s += duration_s
            self._metrics.audio_s.labels(self._kind).inc(duration_s)
            before = chunker.samples
            self._held += [(piece, now_s) for piece in chunker.feed(pcm)]
            self._clock.arrived(now_s, chunker.samples - before)
        else:
            self._clock.waited(now_s)
        if self._clock.drifted and not self._steady:
            log.info("%s: its clock is off by %.1f s; a new epoch begins", self._source, self._clock.drift_s)
            self._end()
            self._begin()
            return True
        if self._clock.origin_s is None and sum(seconds(p.n_samples) for p, _ in self._held) < HELD_S:
            return False
        if self._send():
            return True
        self._send_partial(chunker, now_s)
        return False

    def flush(self) -> None:
        """Send the remaining audio, as no more will arrive for a while, without marking it as the last."""
        if self._chunker is not None and (piece := self._chunker.flush()):
            self._held.append((piece, self._now_s()))
        self._send()

    def close(self) -> None:
        """End the connection: send the remaining audio, marked as the last."""
        if self._chunker is not None:
            self._end()

    def _begin(self) -> None:
        self._connection += 1
        self._before_s = self.audio_s
        self._chunker = Chunker(self._settings.chunk_samples, self._settings.lead_samples)
        self._detector = self._make_detector()
        self._clock = LiveClock(settle_s=self._settle_s)
        self._held, self._ahead_samples = [], 0

    def _end(self) -> None:
        chunker, self._chunker = self._chunker, None
        if chunker is None or not (chunker.samples or self._steady):
            return  # an epoch without audio does not count
        self._held.append((chunker.finish(), self._now_s()))
        self._send()

    def _send(self) -> bool:
        sent, self._held = self._held, []
        if not sent:
            return False
        self._ahead_samples, self._sent_s = 0, self._now_s()
        for piece, captured_s in sent:
            chunk = self._chunk(piece, self._detector, captured_s)
            self.activity = str(self._detector.now)
            if not self._outbox.put(chunk):
                log.warning("%s: Redis was unavailable for too long; a new epoch begins", self._source)
                self._begin()
                break
        return True

    def _send_partial(self, chunker: Chunker, now_s: float) -> None:
        """Send the next chunk as far as it has arrived, if it is due and contains speech."""
        every_samples = self._settings.partial_samples
        if not every_samples or chunker.pending_samples < self._ahead_samples + every_samples:
            return
        self._ahead_samples = chunker.pending_samples
        # Sources that send in bursts, such as HLS, complete a chunk in a moment.
        in_time = now_s - self._sent_s >= seconds(every_samples) / 2
        if not in_time or len(self._outbox) or not self._partials_wanted():
            return
        self._sent_s = now_s
        chunk = self._chunk(chunker.partial(), self._detector.fork(), now_s)
        if chunk.pcm:
            self._outbox.put(chunk)

    def _chunk(self, piece: Piece, detector: Detector, captured_s: float) -> Chunk:
        with self._metrics.stage_s.labels("detect").time():
            content = detector(piece.new_pcm)
        return piece.chunk(
            self._source,
            epoch=self._connection,  # the courier replaces it with the real one
            origin_s=self._clock.settle(self._now_s()),
            content=content,
            onset_samples=detector.onset_samples,
            options=self._options,
            captured_s=captured_s,
        )
