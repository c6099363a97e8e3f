"""The records of sources: registered stations, jobs, and the status of every source."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from redis.client import Pipeline

from wire import keys
from wire.bus import Redis, transaction
from wire.errors import BadRequest, UnknownSource
from wire.messages import Job, Kind, State, Station, Status, source_name, split_source


class Stations:
    """The register of stations. Ingest workers read it every second; the API changes it.

    Args:
        limit: maximum number of stations.
    """

    def __init__(self, redis: Redis, *, limit: int = 200) -> None:
        self._redis = redis
        self._limit = limit

    def all(self) -> list[Station]:
        """Every station, by id."""
        values = self._redis.hgetall(keys.STATIONS)
        return sorted((Station.decode(v) for v in values.values()), key=lambda s: s.id)

    def get(self, id: str) -> Station:
        """One station.

        Raises:
            UnknownSource: there is no station with this id.
        """
        value = self._redis.hget(keys.STATIONS, id)
        if value is None:
            raise UnknownSource(f"there is no station {id!r}; GET /stations lists all stations")
        return Station.decode(value)

    def add(self, station: Station) -> bool:
        """Add or replace a station; return True if it is new.

        Raises:
            BadRequest: the limit on stations is reached.
        """
        return self.put(lambda _: station)[1]

    def put(self, make: Callable[[Mapping[str, Station]], Station]) -> tuple[Station, bool]:
        """Add or replace, atomically, the station that `make` returns; the second result is True if it is new.

        A station from stations.yml keeps its origin: it is overwritten at the next start, and a removal is remembered.

        Args:
            make: receives the registered stations by id; called again if another client changes them in the meantime.

        Raises:
            BadRequest: the limit on stations is reached.
        """

        def attempt(pipe: Pipeline) -> tuple[Station, bool]:
            values: Any = pipe.hgetall(keys.STATIONS)  # a watching pipeline executes immediately
            stations = {id.decode(): Station.decode(value) for id, value in values.items()}
            station = make(stations)
            before = stations.get(station.id)
            station = dataclasses.replace(station, from_file=before is not None and before.from_file)
            if before is None and len(stations) >= self._limit:
                raise BadRequest(f"there are already {self._limit} stations; delete one, or raise MAX_STATIONS")
            pipe.multi()
            pipe.srem(keys.REMOVED_STATIONS, station.id)
            pipe.hset(keys.STATIONS, station.id, station.encode())
            return station, before is None

        return transaction(self._redis, attempt, keys.STATIONS)

    def remove(self, id: str) -> None:
        """Remove a station; one from stations.yml stays removed after a restart.

        Raises:
            UnknownSource: there is no station with this id.
        """
        if self.get(id).from_file:
            self._redis.sadd(keys.REMOVED_STATIONS, id)
        self._redis.hdel(keys.STATIONS, id)

    def seed(self, stations: Iterable[Station]) -> None:
        """Synchronise the register with stations.yml: add or update its stations, remove those no longer in the file.

        Stations added through the API are kept, and stations removed through it are not added again.
        """
        members: Any = self._redis.smembers(keys.REMOVED_STATIONS)
        removed = {id.decode() for id in members}
        named = {s.id: dataclasses.replace(s, from_file=True) for s in stations if s.id not in removed}
        for station in self.all():
            if station.from_file and station.id not in named:
                self._redis.hdel(keys.STATIONS, station.id)
        for station in named.values():
            self._redis.hset(keys.STATIONS, station.id, station.encode())


class Jobs:
    """Job records, newest first. Each expires `retention_s` after its last change."""

    def __init__(self, redis: Redis, *, retention_s: int = keys.RETENTION_S) -> None:
        self._redis = redis
        self._retention_s = retention_s

    def save(self, job: Job) -> None:
        """Write a job's record."""
        old: Any = self._redis.zrangebyscore(keys.JOBS, 0, time.time() - self._retention_s)
        kept = self._redis.mget([keys.job(id.decode()) for id in old]) if old else []
        expired = [id for id, value in zip(old, kept, strict=True) if value is None]  # corrections renewed the others
        pipe = self._redis.pipeline()
        pipe.set(keys.job(job.id), job.encode(), ex=self._retention_s)
        pipe.zadd(keys.JOBS, {job.id: job.created_s})
        if expired:
            pipe.zrem(keys.JOBS, *expired)
        pipe.execute()

    def change(self, id: str, **changes: Any) -> Job:
        """Change fields of a job, atomically; a job that has ended in the meantime is left unchanged.

        Returns:
            The current job: a decoder checks its state to see whether it should stop.

        Raises:
            UnknownSource: there is no job with this id.
        """

        def attempt(pipe: Pipeline) -> Job:
            value: Any = pipe.get(keys.job(id))  # a watching pipeline executes immediately
            if value is None:
                raise UnknownSource(f"there is no job {id!r}; it may have expired")
            job = Job.decode(value)
            if not job.state.ended:
                job = dataclasses.replace(job, **changes)
                pipe.multi()
                pipe.set(keys.job(id), job.encode(), ex=self._retention_s)
            return job

        return transaction(self._redis, attempt, keys.job(id))

    def get(self, id: str) -> Job:
        """One job.

        Raises:
            UnknownSource: there is no job with this id, or it has expired.
        """
        value = self._redis.get(keys.job(id))
        if value is None:
            raise UnknownSource(f"there is no job {id!r}; it may have expired")
        return Job.decode(value)

    def page(self, limit: int, before_s: float = math.inf) -> tuple[list[Job], float | None]:
        """Up to `limit` jobs created before Unix time `before_s`, newest first.

        Returns:
            The jobs, and the `before_s` of the next page, if there is one.
        """
        entries: Any = self._redis.zrevrangebyscore(
            keys.JOBS, f"({before_s}", "-inf", start=0, num=limit + 1, withscores=True
        )
        shown = entries[:limit]
        values = self._redis.mget([keys.job(id.decode()) for id, _ in shown]) if shown else []
        jobs = [Job.decode(value) for value in values if value is not None]  # without those that have expired
        return jobs, shown[-1][1] if len(entries) > limit else None

    def ids(self) -> list[str]:
        """The ids of all jobs, oldest first; the records of some may have expired."""
        entries: Any = self._redis.zrange(keys.JOBS, 0, -1)
        return [id.decode() for id in entries]

    def renew(self, id: str) -> None:
        """Renew the expiry of a job whose captions have changed."""
        self._redis.expire(keys.job(id), self._retention_s)

    def fail(self, id: str, why: str) -> bool:
        """Record that a job has failed, and why; return False if it had already ended.

        Raises:
            UnknownSource: there is no job with this id, or it has expired.
        """
        settled = self.get(id).state.ended
        return not settled and self.change(id, state=State.FAILED, error=why).error == why

    def remove(self, id: str) -> None:
        """Delete a job's record."""
        self._redis.delete(keys.job(id))
        self._redis.zrem(keys.JOBS, id)


# A station's status lives as long as the station: its reader must not write a status after the station was removed.
_SAVE_OF_STATION = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
    redis.call('SET', KEYS[2], ARGV[2])
end
"""


#: How long a remark stays valid unless it is repeated, in seconds: of speech, chunks arrive every few seconds.
REMARK_S = 60


class Statuses:
    """The last `Status` of each source; changes are published to viewers."""

    def __init__(self, redis: Redis, *, retention_s: int = keys.RETENTION_S) -> None:
        self._redis = redis
        self._retention_s = retention_s

    def save(self, status: Status) -> None:
        """Store and publish a status; a transcriber's remark, if there is one, becomes the detail of one without."""
        kind, id = split_source(status.source)
        remark: Any = None if status.detail else self._redis.get(keys.remark(status.source))
        if remark is not None:
            status = dataclasses.replace(status, detail=remark.decode())
        data = status.encode()
        pipe = self._redis.pipeline()
        if kind is Kind.STATION:
            pipe.eval(_SAVE_OF_STATION, 2, keys.STATIONS, keys.status(status.source), id, data)
        else:
            pipe.set(keys.status(status.source), data, ex=self._retention_s)
        pipe.publish(keys.live(status.source), data)
        pipe.execute()

    def remark(self, source: str, why: str) -> bool:
        """Transcriber: report why a source has no captions; return True if the reason is new.

        The status itself is written by the source's reader, which saves it with every chunk and includes the remark.
        A remark that is not repeated expires, for example after a change of the model.
        """
        before: Any = self._redis.set(keys.remark(source), why, ex=REMARK_S, get=True)
        return before is None or before.decode() != why

    def many(self, kind: Kind, ids: Sequence[str]) -> list[Status]:
        """The last status of several sources, as returned by `get`, in one request."""
        sources = [source_name(kind, id) for id in ids]
        values: Any = self._redis.mget([keys.status(source) for source in sources]) if sources else []
        return [Status(s) if v is None else Status.decode(v) for s, v in zip(sources, values, strict=True)]

    def get(self, kind: Kind, id: str) -> Status:
        """The last status of a source; `WAITING` if there is none yet."""
        source = source_name(kind, id)
        value = self._redis.get(keys.status(source))
        return Status.decode(value) if value is not None else Status(source)


_NEXT_EPOCH = """
local epoch = redis.call('INCR', KEYS[1])
if epoch <= tonumber(ARGV[1]) then
    epoch = ARGV[1] + 1
    redis.call('SET', KEYS[1], epoch)
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return epoch
"""


def next_epoch(redis: Redis, source: str, *, above: int = 0) -> int:
    """Number of a new (re)connection of `source`, from 1. The counter lives as long as the source's captions.

    Args:
        above: the previous epoch, as known to the reader: epochs keep rising even if Redis has lost the counter.
    """
    return int(redis.eval(_NEXT_EPOCH, 1, keys.epoch(source), above, keys.RETENTION_S))
