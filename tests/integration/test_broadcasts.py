"""The audio segments of a station, in a real Redis."""

from __future__ import annotations

import pytest
from redis.client import Pipeline

from wire import keys
from wire.broadcast import LISTED, SEGMENT_S, Broadcasts, Sound
from wire.bus import Redis, RedisError
from wire.captions import CaptionLog

SOURCE = "stations/p1"


def sounds(*starts_s: float, format: str = "mp3") -> list[Sound]:
    return [Sound(start_s, SEGMENT_S, format, f"at {start_s}".encode()) for start_s in starts_s]


def test_segments_are_numbered_consecutively_and_have_audio(redis: Redis) -> None:
    broadcasts = Broadcasts(redis)
    broadcasts.add(SOURCE, sounds(1000.5, 1004.5))
    broadcasts.add(SOURCE, sounds(1000.5, 1004.5, 1008.5))
    listed = broadcasts.listed(SOURCE)
    assert [segment.start_s for segment in listed] == [1000.5, 1004.5, 1008.5]
    assert [segment.number - listed[0].number for segment in listed] == [0, 1, 2]
    assert [broadcasts.data(SOURCE, segment.number) for segment in listed] == [b"at 1000.5", b"at 1004.5", b"at 1008.5"]
    assert broadcasts.listed("stations/p2") == []


def test_missing_audio_begins_a_new_run(redis: Redis) -> None:
    broadcasts = Broadcasts(redis)
    broadcasts.add(SOURCE, sounds(1000, 1004, 1010))
    broadcasts.add(SOURCE, sounds(1014, format="aac"))
    runs = [segment.run for segment in broadcasts.listed(SOURCE)]
    assert [run - runs[0] for run in runs] == [0, 0, 1, 2]


def test_segments_of_an_earlier_worker_are_not_repeated(redis: Redis) -> None:
    Broadcasts(redis).add(SOURCE, sounds(1000, 1004))
    Broadcasts(redis).add(SOURCE, sounds(1002, 1006, 1010))  # by another's clock
    assert [segment.start_s for segment in Broadcasts(redis).listed(SOURCE)] == [1000, 1004, 1010]


def test_listed_and_recently_listed_segments_can_be_fetched(redis: Redis) -> None:
    broadcasts = Broadcasts(redis)
    for n in range(3 * LISTED):
        broadcasts.add(SOURCE, sounds(1000 + SEGMENT_S * n))
    listed = broadcasts.listed(SOURCE)
    assert len(listed) == LISTED
    first = listed[0].number
    assert broadcasts.segment(SOURCE, first - LISTED) is not None
    assert broadcasts.segment(SOURCE, first - LISTED - 1) is None
    assert 0 < redis.ttl(keys.segment(SOURCE, first)) <= 2 * LISTED * SEGMENT_S
    assert 0 < redis.ttl(keys.broadcast(SOURCE)) <= 2 * LISTED * SEGMENT_S


def test_numbers_keep_rising_after_a_pause(redis: Redis) -> None:
    broadcasts = Broadcasts(redis)
    broadcasts.add(SOURCE, sounds(*(1000 + SEGMENT_S * n for n in range(50))))
    newest = broadcasts.listed(SOURCE)[-1]
    redis.delete(keys.broadcast(SOURCE))  # it has expired
    broadcasts.add(SOURCE, sounds(newest.end_s + 200))
    [segment] = broadcasts.listed(SOURCE)
    assert segment.number > newest.number
    assert segment.run > newest.run


def test_runs_are_counted_consecutively(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(pipe: Pipeline) -> None:
        raise RedisError

    broadcasts = Broadcasts(redis)
    broadcasts.add(SOURCE, sounds(1000))
    redis.expire(keys.runs(SOURCE), 1000)
    broadcasts.add(SOURCE, sounds(1004))
    assert redis.ttl(keys.runs(SOURCE)) > 1000
    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, "execute", lost)
        with pytest.raises(RedisError):
            broadcasts.add(SOURCE, sounds(1010))
    broadcasts.add(SOURCE, sounds(1010))
    runs = [segment.run for segment in broadcasts.listed(SOURCE)]
    assert runs == [runs[0], runs[0], runs[0] + 1]


def test_deleting_a_station_deletes_its_audio(redis: Redis) -> None:
    Broadcasts(redis).add(SOURCE, sounds(1000))
    CaptionLog(redis).delete(SOURCE)
    assert Broadcasts(redis).listed(SOURCE) == []
