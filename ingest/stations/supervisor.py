"""Supervises the stations of this process: takes leases on its fair share, starts and stops readers.

All processes do the same; they coordinate only through Redis: the register, the leases, the heartbeats.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Sequence

from ingest.context import Context
from ingest.live.courier import Courier, first_status
from ingest.live.cutter import LiveCutter
from ingest.live.lease import Leases
from ingest.live.outbox import Outbox
from ingest.options import Options
from ingest.stations.broadcast import Broadcast
from ingest.stations.keeping import Keeper
from ingest.stations.precedence import Precedence
from ingest.stations.reader import StationReader
from wire import audience, keys
from wire.broadcast import Broadcasts
from wire.bus import RedisError
from wire.errors import DecodeError
from wire.messages import Kind, Station, source_name
from wire.queue import ChunkQueue
from wire.sources import Stations
from wire.workers import alive

log = logging.getLogger(__name__)

#: Name of the service in heartbeats: all of its processes share the stations.
SERVICE = "ingest"

#: Interval at which the register is polled, in seconds.
POLL_EVERY_S = 1.0

#: Interval at which processes are counted, in seconds; counting reads their heartbeats with all metrics.
COUNT_EVERY_S = 3.0

#: Interval at which a process with more than its share releases one station, in seconds: each costs a reconnection.
RELEASE_EVERY_S = 3.0


def share(n_stations: int, n_processes: int) -> int:
    """Maximum number of stations that one of `n_processes` should read."""
    return math.ceil(n_stations / max(1, n_processes))


class Supervisor:
    """The stations of this process.

    Args:
        seeds: the stations of stations.yml, in case Redis loses its register.
    """

    def __init__(
        self, context: Context, *, seeds: Sequence[Station] = (), processes: Callable[[], int] | None = None
    ) -> None:
        self._context = context
        self._redis = redis = context.redis
        self._settings = settings = context.settings
        self._metrics = context.metrics
        self._seeds = list(seeds)
        self._processes = processes or self._count_processes
        self._stations = Stations(redis, limit=settings.max_stations)
        self._leases = Leases(redis, context.worker, ttl_s=settings.lease_s)
        # A lease is renewed after a third of its time, so it survives an outage of half of it. The others get twice its
        # time: if the name server does not respond, a process may take twenty seconds to notice that Redis is back.
        self._precedence = Precedence(away_s=max(2 * POLL_EVERY_S, settings.lease_s / 2), wait_s=2 * settings.lease_s)
        self._readers: dict[str, StationReader] = {}
        self._stopping: dict[str, StationReader] = {}
        self._counted_stations: set[str] = set()  # those with labels in the metrics
        self._queue = ChunkQueue(redis)
        self._partials_wanted: frozenset[str] = frozenset()  # sources whose partial chunks are of use
        self._listened: frozenset[str] = frozenset()  # sources with listeners
        self._broadcasts = Broadcasts(redis)
        self._released_s = 0.0
        self._redis_unavailable = False
        self._counted = 1
        self._counted_s = -COUNT_EVERY_S

    @property
    def reading(self) -> list[str]:
        """Ids of the stations that are being read here."""
        return sorted(self._readers)

    def run(self) -> None:
        """Supervise the stations until the process should stop, then stop all readers and release the leases."""
        stopping = self._context.stopping
        self._leases.start()
        try:
            while not stopping.is_set():
                try:
                    self.poll()
                    self._redis_unavailable = False
                except RedisError as error:  # any error: without this thread, the stations would not be supervised
                    if not self._redis_unavailable:
                        log.warning("Redis is unavailable: %s", error)
                    self._redis_unavailable = True
                stopping.wait(POLL_EVERY_S)
        finally:
            self.close()

    def poll(self) -> None:
        """Poll the register once, and start and stop readers accordingly.

        Raises:
            RedisError: Redis does not respond, or refuses.
        """
        registered = {station.id: station for station in self._registered()}
        self._precedence.answered(time.monotonic())
        self._end_changed(registered)
        self._reap()
        self._drop_metrics_of_removed(registered)
        fair = share(len(registered), self._processes())
        self._release_surplus(len(self._readers) - fair)
        for station in registered.values():
            if len(self._readers) + len(self._stopping) >= fair or self._precedence.others_first(time.monotonic()):
                break
            if station.id not in self._readers and station.id not in self._stopping:
                self._take(station)
        self._metrics.running.labels(Kind.STATION).set(len(self._readers))
        reading = [source_name(Kind.STATION, id) for id in self._readers]
        self._partials_wanted = audience.with_viewers(self._redis, () if self._queue.partials_ignored() else reading)
        self._listened = audience.with_listeners(self._redis, reading)

    def close(self) -> None:
        """Stop all readers and release the leases."""
        readers = {**self._readers, **self._stopping}
        for reader in self._readers.values():
            reader.stop()
        until_s = time.monotonic() + 5.0
        for reader in readers.values():
            reader.join(max(0.1, until_s - time.monotonic()))
        self._leases.stop()
        self._readers.clear()
        self._stopping.clear()

    def _registered(self) -> list[Station]:
        try:
            stations = self._stations.all()
        except DecodeError as error:
            log.error("the register of stations contains an invalid entry: %s", error)
            return [reader.station for reader in self._readers.values()]
        if not stations and self._seeds and not self._redis.exists(keys.STATIONS, keys.REMOVED_STATIONS):
            self._stations.seed(self._seeds)
            stations = self._stations.all()
        return stations

    def _end_changed(self, registered: dict[str, Station]) -> None:
        for id, reader in list(self._readers.items()):
            station = registered.get(id)
            if station is None or not reader.alive or _reader_fields(station) != _reader_fields(reader.station):
                reader.stop(discard=station is None)
                self._stopping[id] = self._readers.pop(id)

    def _reap(self) -> None:
        for id, reader in list(self._stopping.items()):
            if not reader.alive:
                del self._stopping[id]
                self._leases.release(source_name(Kind.STATION, id))

    def _drop_metrics_of_removed(self, registered: dict[str, Station]) -> None:
        """Delete the metrics of stations that were removed, so that labels stay bounded."""
        for id in self._counted_stations - registered.keys() - self._stopping.keys():
            self._metrics.reconnects.remove(id)
            self._counted_stations.discard(id)

    def _release_surplus(self, surplus: int) -> None:
        if surplus <= 0 or time.monotonic() - self._released_s < RELEASE_EVERY_S:
            return
        self._released_s = time.monotonic()
        id, reader = next(reversed(self._readers.items()))
        log.info("station %s: released for another process", id)
        reader.stop()
        self._stopping[id] = self._readers.pop(id)

    def _take(self, station: Station) -> None:
        source = source_name(Kind.STATION, station.id)
        taken = self._leases.acquire(source)
        self._precedence.answered(time.monotonic())
        if not taken:
            return
        reader = self._make_reader(source, station)
        self._readers[station.id] = reader
        self._counted_stations.add(station.id)
        reader.start()

    def _make_reader(self, source: str, station: Station) -> StationReader:
        outbox = Outbox(self._settings.live_max_lag_s, on_shed=self._metrics.shed_s.labels(Kind.STATION).inc)
        kept_s = self._settings.audio_kept_s
        status = first_status(source, self._context.worker)
        broadcast, clock = None, self._context.clock
        if self._settings.hls:
            broadcast = Broadcast(source, self._broadcasts, has_listeners=lambda: source in self._listened, now_s=clock)
        courier = Courier(
            self._redis,
            outbox,
            dataclasses.replace(status, audio_kept_s=kept_s, hls=self._settings.hls),
            self._metrics,
            hold=lambda: self._leases.hold(source),
            on_queued=Keeper(self._redis, self._metrics, kept_s=kept_s),
            send_extra=broadcast.send if broadcast else lambda: None,
        )
        cutter = LiveCutter(
            source,
            outbox,
            self._settings,
            self._metrics,
            self._context.make_detector,
            partials_wanted=lambda: source in self._partials_wanted,
            now_s=clock,
        )
        return StationReader(self._context, station, cutter, courier, broadcast)

    def _count_processes(self) -> int:
        now_s = time.monotonic()
        if now_s - self._counted_s > COUNT_EVERY_S:
            self._counted_s = now_s
            self._counted = sum(1 for name in alive(self._redis) if name.rpartition("-")[0] == SERVICE)
        return self._counted


def _reader_fields(station: Station) -> tuple[str, Options]:
    """The fields of a station that its reader uses; if they change, a new reader is started."""
    return station.url, Options.of(station)
