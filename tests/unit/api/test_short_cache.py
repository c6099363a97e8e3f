"""The short-lived cache."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.short_cache import ShortCache


def test_result_is_computed_once_a_second_and_expires() -> None:
    now_s, found = 0.0, 0

    def compute() -> int:
        nonlocal found
        found += 1
        return found

    shared = ShortCache(max_age_s=1.0, now_s=lambda: now_s)
    assert [shared.get("p1", compute), shared.get("p1", compute), shared.get("p2", compute)] == [1, 1, 2]
    now_s = 0.9
    assert shared.get("p1", compute) == 1
    now_s = 1.0
    assert [shared.get("p1", compute), shared.get("p1", compute)] == [3, 3]
    assert len(shared._entries) == 1


def test_concurrent_request_waits_for_the_result(wait_until: Callable[..., None]) -> None:
    asked, found, go_on = 0, 0, threading.Event()

    def now_s() -> float:
        nonlocal asked
        asked += 1
        return 0.0

    def compute() -> int:
        nonlocal found
        found += 1
        assert go_on.wait(20)
        return found

    shared = ShortCache(now_s=now_s)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(shared.get, "p1", compute)
        wait_until(lambda: found)
        other = pool.submit(shared.get, "p1", compute)
        wait_until(lambda: asked == 2)
        go_on.set()
        assert [one.result(), other.result()] == [1, 1]


def test_failure_is_not_cached() -> None:
    shared = ShortCache()
    with pytest.raises(ZeroDivisionError):
        shared.get("p1", lambda: 1 // 0)
    assert shared.get("p1", lambda: 1) == 1
