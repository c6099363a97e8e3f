"""The kept audio of a station, in a real Redis."""

from __future__ import annotations

from wire import keys
from wire.audio import samples
from wire.bus import Redis
from wire.captions import CaptionLog
from wire.kept_audio import Clip, KeptAudio

SOURCE = "stations/p1"


def clip(start_s: float, name: str = "") -> Clip:
    return Clip(start_s, samples(5), name.encode())


def test_clips_are_found_by_time(redis: Redis) -> None:
    kept = KeptAudio(redis)
    for start_s in (1000.25, 1005.25, 1015.25):
        kept.add(SOURCE, clip(start_s, f"at {start_s}"), kept_s=900)
    assert kept.between(SOURCE, 1000.25, 1020.25) == [clip(s, f"at {s}") for s in (1000.25, 1005.25, 1015.25)]
    assert [found.start_s for found in kept.between(SOURCE, 1004.0, 1006.0)] == [1000.25, 1005.25]
    assert [found.start_s for found in kept.between(SOURCE, 1005.25, 1005.5)] == [1005.25]
    assert kept.between(SOURCE, 1010.25, 1015.25) == []
    assert kept.between("stations/p2", 1000.0, 1020.0) == []


def test_clip_sent_twice_is_stored_once(redis: Redis) -> None:
    kept = KeptAudio(redis)
    for name in ("once", "twice"):  # two encodings of the same audio differ
        kept.add(SOURCE, clip(1000.0, name), kept_s=900)
    assert kept.between(SOURCE, 0, 2000) == [clip(1000.0, "twice")]


def test_reconnection_leaves_no_overlapping_clips(redis: Redis) -> None:
    """A server sends old audio again after a reconnection; the earlier clips would otherwise be interleaved with it."""
    kept = KeptAudio(redis)
    for start_s in (1000.0, 1005.0, 1010.0):
        kept.add(SOURCE, clip(start_s, "before"), kept_s=900)
    for start_s in (1004.5, 1009.5):
        kept.add(SOURCE, clip(start_s, "again"), kept_s=900)
    found = [(each.start_s, each.vorbis) for each in kept.between(SOURCE, 0, 2000)]
    assert found == [(1000.0, b"before"), (1004.5, b"again"), (1009.5, b"again")]


def test_clips_are_deleted(redis: Redis) -> None:
    kept = KeptAudio(redis)
    for start_s in range(1000, 2000, 5):
        kept.add(SOURCE, clip(start_s), kept_s=60)
    assert [found.start_s for found in kept.between(SOURCE, 0, 3000)] == list(range(1940, 2000, 5))
    kept.delete_before(SOURCE, 1970)
    assert [found.start_s for found in kept.between(SOURCE, 0, 3000)] == list(range(1970, 2000, 5))
    assert 0 < redis.ttl(keys.audio(SOURCE)) <= 60
    CaptionLog(redis).delete(SOURCE)
    assert kept.between(SOURCE, 0, 3000) == []
