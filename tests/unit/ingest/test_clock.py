"""The live clock: a burst puts captions neither into the future nor into the past."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import LiveClock

RATE = 16_000
NOW = 1_800_000_000.0


def stream(clock: LiveClock, from_s: float, until_s: float, *, step_s: float = 0.1, late_s: float = 0.0) -> None:
    """Audio that arrives as it is spoken."""
    steps = round((until_s - from_s) / step_s)
    for n in range(1, steps + 1):
        clock.arrived(NOW + from_s + n * step_s + late_s, round(step_s * RATE))


def test_a_stream_without_a_burst_begins_when_it_begins() -> None:
    clock = LiveClock()
    stream(clock, 0, 3)
    assert clock.origin_s == pytest.approx(NOW, abs=0.01)


def test_a_burst_was_on_air_before_we_came() -> None:
    clock = LiveClock()
    clock.arrived(NOW, 6 * RATE)
    assert clock.origin_s is None, "the burst may go on"
    stream(clock, 0, 2)
    assert clock.origin_s == pytest.approx(NOW - 6, abs=0.01)


def test_a_burst_in_portions_counts_as_a_whole() -> None:
    clock = LiveClock()
    for n in range(20):
        clock.arrived(NOW + n * 0.05, RATE)
    stream(clock, 1, 4)
    assert clock.origin_s == pytest.approx(NOW - 19.05, abs=0.1)


def test_silence_after_a_burst_settles_the_clock_too() -> None:
    clock = LiveClock()
    clock.arrived(NOW, 5 * RATE)
    clock.waited(NOW + 0.5)
    assert clock.origin_s is None
    clock.waited(NOW + 1.1)
    assert clock.origin_s == NOW - 5


def test_hls_segments_settle_on_the_earliest_that_any_segment_proves() -> None:
    clock = LiveClock(settle_s=8)
    clock.arrived(NOW, 18 * RATE)  # three segments of 6 s at once; the newest is 4 s old
    for n in range(3):
        clock.arrived(NOW + 2 + 6 * n, 6 * RATE)  # then one whenever it is complete
        clock.waited(NOW + 4 + 6 * n)
    assert clock.origin_s == pytest.approx(NOW - 22)
    assert not clock.drifted


def test_a_server_faster_than_real_time_does_not_hold_us_up_for_ever() -> None:
    clock = LiveClock(patience_s=15)
    for n in range(200):
        clock.arrived(NOW + n * 0.1, round(0.15 * RATE))
    assert clock.origin_s is not None


def test_late_packets_are_forgiven() -> None:
    clock = LiveClock()
    stream(clock, 0, 10)
    clock.arrived(NOW + 15, round(0.1 * RATE))  # 5 s of nothing, then it all comes
    clock.arrived(NOW + 15, round(4.9 * RATE))
    stream(clock, 15, 200)
    assert not clock.drifted
    assert clock.origin_s == pytest.approx(NOW, abs=0.01)


def test_audio_from_the_future_proves_the_clock_wrong_at_once() -> None:
    clock = LiveClock()
    stream(clock, 0, 3)
    clock.arrived(NOW + 3.1, 5 * RATE)
    assert clock.drifted
    assert clock.drift_s < -4


def test_audio_that_stays_late_was_lost_upstream() -> None:
    clock = LiveClock()
    stream(clock, 0, 10)
    stream(clock, 10, 190, late_s=4.0)  # 4 s never came
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


def test_a_clock_that_heard_nothing_begins_now() -> None:
    assert LiveClock().settle(NOW) == NOW
