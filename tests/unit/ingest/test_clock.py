"""The live clock: a burst shifts captions neither into the future nor into the past."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.live.clock import LiveClock

RATE = 16_000
NOW = 1_800_000_000.0


def stream(clock: LiveClock, from_s: float, until_s: float, *, step_s: float = 0.1, late_s: float = 0.0) -> None:
    """Feed audio that arrives in real time."""
    steps = round((until_s - from_s) / step_s)
    for n in range(1, steps + 1):
        clock.arrived(NOW + from_s + n * step_s + late_s, round(step_s * RATE))


def test_stream_without_a_burst_begins_at_its_first_sample() -> None:
    clock = LiveClock()
    stream(clock, 0, 3)
    assert clock.origin_s == pytest.approx(NOW, abs=0.01)


def test_burst_was_on_air_before_the_connection() -> None:
    clock = LiveClock()
    clock.arrived(NOW, 6 * RATE)
    assert clock.origin_s is None, "the burst may go on"
    stream(clock, 0, 2)
    assert clock.origin_s == pytest.approx(NOW - 6, abs=0.01)


def test_burst_in_parts_counts_as_one() -> None:
    clock = LiveClock()
    for n in range(20):
        clock.arrived(NOW + n * 0.05, RATE)
    stream(clock, 1, 4)
    assert clock.origin_s == pytest.approx(NOW - 19.05, abs=0.1)


def test_silence_after_a_burst_settles_the_clock() -> None:
    clock = LiveClock()
    clock.arrived(NOW, 5 * RATE)
    clock.waited(NOW + 0.5)
    assert clock.origin_s is None
    clock.waited(NOW + 1.1)
    assert clock.origin_s == NOW - 5


def test_hls_settles_on_the_earliest_origin_of_any_segment() -> None:
    clock = LiveClock(settle_s=8)
    clock.arrived(NOW, 18 * RATE)  # three segments of 6 s at once; the newest is 4 s old
    for n in range(3):
        clock.arrived(NOW + 2 + 6 * n, 6 * RATE)  # then one as soon as it is complete
        clock.waited(NOW + 4 + 6 * n)
    assert clock.origin_s == pytest.approx(NOW - 22)
    assert not clock.drifted


def test_server_faster_than_real_time_does_not_delay_settling_forever() -> None:
    clock = LiveClock(patience_s=15)
    for n in range(200):
        clock.arrived(NOW + n * 0.1, round(0.15 * RATE))
    assert clock.origin_s is not None


def test_briefly_late_packets_are_tolerated() -> None:
    clock = LiveClock()
    stream(clock, 0, 10)
    clock.arrived(NOW + 15, round(0.1 * RATE))  # nothing for 5 s, then everything at once
    clock.arrived(NOW + 15, round(4.9 * RATE))
    stream(clock, 15, 200)
    assert not clock.drifted
    assert clock.origin_s == pytest.approx(NOW, abs=0.01)


def test_early_audio_invalidates_the_clock_immediately() -> None:
    clock = LiveClock()
    stream(clock, 0, 3)
    clock.arrived(NOW + 3.1, 5 * RATE)
    assert clock.drifted
    assert clock.drift_s < -4


def test_audio_that_stays_late_invalidates_the_clock() -> None:
    clock = LiveClock()
    stream(clock, 0, 10)
    stream(clock, 10, 190, late_s=4.0)  # 4 s were lost
    assert clock.drifted
    assert clock.drift_s == pytest.approx(4, abs=0.2)


@given(
    burst_s=st.floats(0, 30),
    delays=st.lists(st.floats(0, 0.5), min_size=60, max_size=120),
)
def test_no_sample_is_in_the_future_when_the_clock_settles(burst_s: float, delays: list[float]) -> None:
    clock = LiveClock()
    samples, began = round(burst_s * RATE), False
    clock.arrived(NOW, samples)
    for n, delay in enumerate(delays, start=1):
        clock.arrived(NOW + n * 0.1 + delay, 1600)
        samples += 1600
        if clock.origin_s is not None and not began:
            began = True
            assert clock.origin_s + samples / RATE <= NOW + n * 0.1 + delay + 1e-3
    assert clock.origin_s is not None
    assert clock.origin_s == pytest.approx(NOW - burst_s, abs=0.7)


def test_clock_without_audio_settles_on_now() -> None:
    assert LiveClock().settle(NOW) == NOW
