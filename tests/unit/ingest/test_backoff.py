"""Backoff: capped, jittered, forgiving after a healthy minute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.stations.backoff import Backoff


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


def test_delay_doubles_up_to_its_cap() -> None:
    backoff = Backoff(uniform=longest)
    assert [backoff.delay_s() for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_jitter_may_draw_zero() -> None:
    assert Backoff(uniform=shortest).delay_s() == 0


def test_lasting_failure_is_retried_slowly() -> None:
    assert [Backoff(uniform=longest).delay_s(lasting=True)] == [5]
    most, least = Backoff(uniform=longest), Backoff(uniform=shortest)
    assert [most.delay_s(lasting=True) for _ in range(5)] == [5, 20, 80, 300, 300]
    assert [least.delay_s(lasting=True) for _ in range(5)] == [2.5, 10, 40, 150, 150]


def test_healthy_minute_resets_the_delay() -> None:
    backoff = Backoff(uniform=longest)
    for _ in range(6):
        backoff.delay_s()
    assert backoff.delay_s(lasted_s=59) == 60
    assert backoff.delay_s(lasted_s=61) == 2


@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), max_size=300))
def test_delay_stays_within_its_caps(failures: list[tuple[float, bool]]) -> None:
    backoff = Backoff()
    for lasted_s, lasting in failures:
        assert 0 <= backoff.delay_s(lasted_s=lasted_s, lasting=lasting) <= (300 if lasting else 60)
