"""The clock that workers on several machines share."""

from __future__ import annotations

import logging

import pytest

from wire.shared_clock import SharedClock

#: What this machine's clock shows in all tests.
NOW_S = 1000.0


@pytest.fixture
def clock() -> SharedClock:
    return SharedClock(lambda: NOW_S)


@pytest.mark.parametrize("redis_s", [999.6, 1000.0, 1000.2, 1002.4])
def test_machine_whose_clock_may_be_right_keeps_it(clock: SharedClock, redis_s: float) -> None:
    clock.compare(1000.0, redis_s, 1002.0)
    assert clock() == NOW_S


@pytest.mark.parametrize(("redis_s", "words"), [(1073.1, "73.0 s behind"), (940.1, "60.0 s ahead of")])
def test_certain_difference_is_corrected_and_reported_once(
    clock: SharedClock, redis_s: float, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        clock.compare(1000.0, redis_s, 1000.2)
    assert clock() == pytest.approx(NOW_S + redis_s - 1000.1)
    assert [record.message.count(words) for record in caplog.records] == [1]


def test_agreeing_again_is_reported(clock: SharedClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock.compare(1000.0, 1060.0, 1000.0)
    clock.compare(1000.0, 1000.0, 1000.0)
    assert clock() == NOW_S
    assert "agrees with Redis's again" in caplog.text


def test_clock_set_back_during_the_request_proves_nothing(clock: SharedClock) -> None:
    clock.compare(1000.0, 940.1, 940.2)
    assert clock() == NOW_S
