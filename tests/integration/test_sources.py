"""The register of stations, job records, statuses and epochs on a real Redis."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import pytest
from redis.client import Pipeline

from wire import keys
from wire.bus import Redis, connect
from wire.captions import Advance, CaptionLog
from wire.chunk import Chunk
from wire.errors import UnknownSource
from wire.messages import Job, Kind, State, Station, Status
from wire.queue import ChunkQueue
from wire.sources import Jobs, Stations, Statuses, next_epoch

STATION = Station("p1", "P1", "http://radio.example/p1")


def test_epochs_keep_rising_after_redis_lost_the_counter(redis: Redis) -> None:
    assert [next_epoch(redis, "stations/p1") for _ in range(2)] == [1, 2]
    redis.flushall()
    assert next_epoch(redis, "stations/p1", above=7) == 8


def test_epoch_counter_expires_and_is_renewed_by_commits(redis: Redis) -> None:
    source = "microphones/1"
    next_epoch(redis, source)
    assert 0 < redis.ttl(keys.epoch(source)) <= keys.RETENTION_S
    redis.expire(keys.epoch(source), 5)
    queue = ChunkQueue(redis)
    queue.put(Chunk(source, 1, 0, 0.0, 1, b"\1\0"))
    CaptionLog(redis).commit(queue.take("a", 1), lambda state: Advance(b"state"))
    assert redis.ttl(keys.epoch(source)) >= redis.ttl(keys.seam(source)) > 5


def test_status_of_a_removed_station_is_not_saved(redis: Redis) -> None:
    stations, statuses = Stations(redis), Statuses(redis)
    stations.add(STATION)
    statuses.save(Status("stations/p1", State.RUNNING))
    assert statuses.get(Kind.STATION, "p1").state is State.RUNNING
    stations.remove("p1")
    CaptionLog(redis).delete("stations/p1")
    statuses.save(Status("stations/p1", State.RECONNECTING))
    assert not redis.exists(keys.status("stations/p1"))


def test_remark_becomes_the_detail_of_a_status_until_it_expires(redis: Redis) -> None:
    statuses = Statuses(redis)
    assert [statuses.remark("microphones/1", why) for why in ("why", "why", "how")] == [True, False, True]
    assert 0 < redis.ttl(keys.remark("microphones/1")) <= 60
    for detail, remark, shown in (("", "why", "why"), ("its own", "why", "its own"), ("", None, "")):
        redis.delete(keys.remark("microphones/1"))
        if remark:
            statuses.remark("microphones/1", remark)
        statuses.save(Status("microphones/1", State.RUNNING, detail))
        assert statuses.get(Kind.MICROPHONE, "1").detail == shown


def test_removed_station_of_the_file_is_not_added_again(redis: Redis) -> None:
    stations = Stations(redis)
    stations.seed([STATION])
    stations.remove("p1")
    stations.seed([STATION])
    assert stations.all() == []
    with pytest.raises(UnknownSource):
        stations.get("p1")


def test_station_removed_concurrently_is_not_restored(redis: Redis) -> None:
    stations = Stations(redis)
    stations.add(STATION)

    def renamed(there: Mapping[str, Station]) -> Station:
        before = there.get("p1") or stations.get("p1")
        stations.remove("p1")
        return dataclasses.replace(before, name="P2")

    with pytest.raises(UnknownSource):
        stations.put(renamed)
    assert stations.all() == []


def test_concurrent_changes_of_a_job_are_both_applied(redis: Redis) -> None:
    jobs = Jobs(redis)
    jobs.save(Job("1", created_s=1.0))
    jobs.change("1", state=State.RUNNING)
    assert jobs.change("1", duration_s=2.0) == jobs.get("1") == Job("1", 1.0, state=State.RUNNING, duration_s=2.0)


def test_cancelled_job_stays_cancelled(redis: Redis) -> None:
    jobs = Jobs(redis)
    jobs.save(Job("1", created_s=1.0))
    jobs.change("1", state=State.CANCELLED)
    assert jobs.change("1", state=State.RUNNING).state is State.CANCELLED


def test_change_survives_a_connection_lost_while_watching(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(connect(redis_url))
    jobs.save(Job("1", created_s=1.0))
    cuts = [1]
    get = Pipeline.get

    def cut_before(pipe: Any, name: str) -> Any:
        if cuts:
            cuts.pop()
            with connect(redis_url) as other:
                other.client_kill_filter(_type="normal", skipme=True)
        return get(pipe, name)

    monkeypatch.setattr(Pipeline, "get", cut_before)
    assert jobs.change("1", tracks=3).tracks == 3
    assert not cuts
    assert jobs.get("1").tracks == 3


def test_old_job_stays_listed_while_it_is_kept(redis: Redis) -> None:
    jobs = Jobs(redis, retention_s=100)
    now = time.time()
    for id in ("expired", "corrected"):
        jobs.save(Job(id, created_s=now - 200))
    redis.delete(keys.job("expired"))
    redis.expire(keys.job("corrected"), 1)
    jobs.renew("corrected")
    assert redis.ttl(keys.job("corrected")) > 1
    jobs.save(Job("new", created_s=now))
    assert jobs.ids() == ["corrected", "new"]
