"""A station's audio is cut into segments, which are published while somebody listens."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ingest.stations.broadcast import Broadcast
from tests.unit.ingest.test_frames import adts
from wire.broadcast import LISTED, SEGMENT_S, Broadcasts, Sound
from wire.bus import RedisError

FRAME_S = 1024 / 44_100


class Sent(Broadcasts):
    """Records published segments instead of writing them to Redis."""

    def __init__(self) -> None:
        self.sounds: list[list[Sound]] = []
        self.away = False

    def add(self, source: str, sounds: list[Sound]) -> None:
        if self.away:
            raise RedisError
        self.sounds.append(sounds)


class World:
    """A station whose connection began at 1000 s, with or without listeners."""

    def __init__(self) -> None:
        self.sent = Sent()
        self.listened = True
        self.settled = True
        self.begun_s = 1000.0
        self.now_s = 1000.0
        self.heard_s = 0.0
        self.broadcast = Broadcast(
            "stations/p1", self.sent, has_listeners=lambda: self.listened, now_s=lambda: self.now_s
        )

    def play(self, duration_s: float, *, damaged_every: int = 1 << 30) -> None:
        for n in range(1, 1 + round(duration_s / FRAME_S)):
            self.broadcast.feed(adts(100))
            self.now_s += FRAME_S
            self.heard_s += FRAME_S if n % damaged_every else 0.0
            self.broadcast.cut(self.heard_s, lambda audio_s: self.begun_s + audio_s if self.settled else None)


def test_segments_are_contiguous_and_bounded() -> None:
    world = World()
    world.play(21)
    world.broadcast.send()
    [sounds] = world.sent.sounds
    assert len(sounds) == 5
    assert sounds[0].start_s == 1000
    for sound, next in pairwise(sounds):
        assert SEGMENT_S - FRAME_S < sound.duration_s <= SEGMENT_S
        assert next.start_s == pytest.approx(sound.end_s)
        assert len(sound.data) == 100 * round(sound.duration_s / FRAME_S)


def test_listener_gets_the_last_minute_and_then_new_segments() -> None:
    world = World()
    world.listened = False
    world.play(200)
    world.broadcast.send()
    assert not world.sent.sounds
    world.listened = True
    world.broadcast.send()
    world.broadcast.send()
    assert [len(sounds) for sounds in world.sent.sounds] == [LISTED]
    world.play(4)
    world.broadcast.send()
    assert world.sent.sounds[1][-1].start_s == pytest.approx(world.sent.sounds[0][-1].end_s)
    world.listened = False
    world.broadcast.send()
    world.listened = True
    world.broadcast.send()
    assert world.sent.sounds[2] == world.sent.sounds[1]


def test_old_segments_of_a_station_off_air_are_not_published() -> None:
    world = World()
    world.play(21)
    world.now_s += LISTED * SEGMENT_S - 6
    world.broadcast.send()
    assert len(world.sent.sounds[0]) == 2
    world.listened = False
    world.broadcast.send()
    world.now_s += 60
    world.listened = True
    world.broadcast.send()
    assert len(world.sent.sounds) == 1


def test_segments_wait_for_the_clock() -> None:
    world = World()
    world.settled = False
    world.play(12)
    world.broadcast.send()
    assert not world.sent.sounds
    world.settled, world.begun_s = True, 998.0
    world.play(1)
    world.broadcast.send()
    assert world.sent.sounds[0][0].start_s == 998


def test_damaged_frames_do_not_desynchronise_audio_and_captions() -> None:
    world = World()
    world.play(200, damaged_every=50)
    world.broadcast.send()
    [sounds] = world.sent.sounds
    assert -0.2 < 1000 + world.heard_s - sounds[-1].end_s < SEGMENT_S + 0.2
    assert all(abs(next.start_s - sound.end_s) < 0.1 for sound, next in pairwise(sounds))


def test_new_connection_begins_a_new_segment() -> None:
    world = World()
    world.play(6)
    world.broadcast.open("aac")
    world.begun_s, world.heard_s = 1020.0, 0.0
    world.play(5)
    world.broadcast.send()
    [sounds] = world.sent.sounds
    assert [round(sound.start_s) for sound in sounds] == [1000, 1020]


def test_outage_of_redis_is_logged_once_and_segments_are_sent_later(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.sent.away = True
    for _ in range(3):
        world.play(5)
        world.broadcast.send()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    world.sent.away = False
    world.broadcast.send()
    assert [len(sounds) for sounds in world.sent.sounds] == [3]
