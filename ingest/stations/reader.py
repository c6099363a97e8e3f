"""Reads one station for as long as it is registered: resolve, probe, decode, cut, and retry after every failure.

The reader's thread never talks to Redis (its courier does), so an outage of Redis does not stop the audio.
"""

from __future__ import annotations

import logging
import threading
import time

from ingest.context import Context
from ingest.errors import LASTING
from ingest.live.clock import SETTLE_S
from ingest.live.courier import Courier
from ingest.live.cutter import LiveCutter
from ingest.live.lease import Hold
from ingest.media.coded import format_of
from ingest.media.ffmpeg import Process, decode_command
from ingest.media.playlist import Address, resolve
from ingest.media.probe import Probe, probe_url
from ingest.options import Options
from ingest.stations.backoff import Backoff
from ingest.stations.broadcast import Broadcast
from wire.errors import NotAudio, SourceError
from wire.messages import State, Station

log = logging.getLogger(__name__)

#: Time for the clock to settle with HLS, which arrives in segments of up to 10 s, in seconds.
HLS_SETTLE_S = 8.0

#: A "station" with a shorter duration is a recording, in seconds. Some servers report durations of days for streams.
RECORDING_S = 12 * 3600.0


class StationReader:
    """The thread that reads one station; it ends when its lease is lost.

    Args:
        broadcast: receives the encoded audio for players; None to disable this.
    """

    def __init__(
        self, context: Context, station: Station, cutter: LiveCutter, courier: Courier, broadcast: Broadcast | None
    ) -> None:
        self.station = station
        self._cutter = cutter
        self._courier = courier
        self._client = context.client
        self._metrics = context.metrics
        self._broadcast = broadcast
        self._stall_s = context.settings.stall_s
        self._backoff = Backoff()
        self._stop = threading.Event()
        self._discard = False
        self._tries = 0
        self._address: Address | None = None  # result of the previous try, if it failed before any audio
        self._probe: Probe | None = None
        self._first_audio_s: float | None = None  # monotonic time of this connection's first audio
        self._last_error = ""
        self._thread = threading.Thread(target=self._run, name=f"station {station.id}", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it is still reading, or trying to."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start reading."""
        self._courier.start()
        self._thread.start()

    def stop(self, *, discard: bool = False) -> None:
        """Ask the reader to stop; with `discard` (the station was removed), nothing more is written about it."""
        self._discard = discard
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the reader to end; return whether it has."""
        self._thread.join(timeout=timeout_s)
        return not self._thread.is_alive()

    def _stopped(self) -> bool:
        return self._stop.is_set() or self._courier.hold() is Hold.LOST

    def _run(self) -> None:
        try:
            while not self._stopped():
                self._first_audio_s = None
                try:
                    self._read_once()
                    error: Exception = SourceError("the stream ended")
                except SourceError as failure:
                    error = failure
                except Exception as failure:  # a bug must not stop the station for good
                    log.exception("station %s: unexpected error", self.station.id)
                    error = failure
                if not self._stopped():
                    self._wait(error)
        finally:
            lost = self._courier.hold() is Hold.LOST
            if not self._discard and not lost:
                self._courier.report(
                    state=State.WAITING, detail="interrupted; it resumes when an ingest worker is running", worker=""
                )
            self._courier.close(discard=self._discard or lost)

    def _read_once(self) -> None:
        address, probe = self._inspect()
        track = probe.tracks[0]
        self._courier.report(
            codec=track.codec,
            sample_rate_hz=track.sample_rate_hz,
            channels=track.channels,
            bit_rate=track.bit_rate,
            title="",
        )
        sound = self._broadcast
        command = decode_command(
            address.url,
            remote=True,
            live=True,
            timeout_s=self._stall_s,
            format=address.format,
            coded=track.codec if sound else None,
        )
        self._cutter.open(Options.of(self.station), settle_s=HLS_SETTLE_S if probe.hls else SETTLE_S)
        if sound:
            sound.open(format_of(track.codec))
        try:
            with Process(command, on_title=self._new_title, on_coded=sound.feed if sound else None) as process:
                self._read_audio(process)
        finally:
            self._cutter.close()

    def _inspect(self) -> tuple[Address, Probe]:
        """Resolve and probe the station, reusing the results of the previous try.

        Each step is a connection (the first bytes of an MP3 suffice for both). A server with room for one listener that
        is slow to notice a disconnection refuses the next step; so the next try, later, begins with that step.
        """
        address, probe = self._address, self._probe
        self._address = self._probe = None  # only reused once, as they may be the cause of the failure
        if address is None:
            address = resolve(self.station.url, self._client, turn=self._tries)
            self._tries += 1
            self._address = address
        if probe is None:
            probe = address.probe or probe_url(address.url, live=True, timeout_s=self._stall_s)
            _check_live(probe, address)
            self._address, self._probe = address, probe
        return address, probe

    def _read_audio(self, process: Process) -> None:
        for pcm in process.read(stall_s=self._stall_s, stop=self._stopped):
            if pcm and self._first_audio_s is None:
                self._begin()
            sent = self._cutter.feed(pcm)
            if self._broadcast:
                self._broadcast.cut(self._cutter.audio_s, self._cutter.at)
            if sent:
                self._courier.report(audio_s=round(self._cutter.audio_s, 3), activity=self._cutter.activity)
        if self._stopped():
            return
        code = process.wait()
        lines = process.last_lines
        if code != 0 or self._first_audio_s is None:
            raise SourceError(f"ffmpeg exited with code {code}" + (f": {lines}" if lines else ""))

    def _begin(self) -> None:
        self._first_audio_s = time.monotonic()
        self._address = self._probe = None  # may change before the next connection
        status = self._courier.status
        rate = f"{status.codec}, {status.sample_rate_hz} Hz, {status.channels} channels"
        log.info("station %s: on air (%s)", self.station.id, rate)
        self._last_error = ""
        self._courier.report(state=State.RUNNING, detail="")

    def _new_title(self, title: str) -> None:
        self._courier.report(title=title)

    def _wait(self, error: Exception) -> None:
        lasted_s = time.monotonic() - self._first_audio_s if self._first_audio_s is not None else 0.0
        lasting = isinstance(error, LASTING)
        delay_s = self._backoff.delay_s(lasted_s=lasted_s, lasting=lasting)
        if str(error) != self._last_error:  # log each new error, not each try
            self._last_error = str(error)
            log.warning("station %s: %s; retrying%s", self.station.id, error, " occasionally" if lasting else "")
        status = self._courier.status
        reconnects = status.reconnects
        if self._first_audio_s is not None:
            reconnects += 1
            self._metrics.reconnects.labels(self.station.id).inc()
        self._courier.report(state=State.RECONNECTING, detail=str(error), activity="", reconnects=reconnects)
        until_s = time.monotonic() + delay_s
        while time.monotonic() < until_s and not self._stopped():
            self._stop.wait(min(0.5, max(0.0, until_s - time.monotonic())))


def _check_live(probe: Probe, address: Address) -> None:
    length_s = probe.duration_s
    if length_s is not None and length_s < RECORDING_S and not address.icy:
        raise NotAudio(f"it is a recording of {length_s:.0f} s, not a live stream; send it to POST /jobs")
