"""How much audio a speaker may send, and when."""

from __future__ import annotations

import time

import pytest

from api.intake import BURST_S, SPEED, Allowance
from wire.errors import BadRequest


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Both clocks."""
    now = [1000.0]
    for name in ("time", "monotonic"):
        monkeypatch.setattr(time, name, lambda: now[0])
    return now


def test_a_burst_may_come_at_once_and_the_rest_in_its_time(now: list[float]) -> None:
    allowance = Allowance(3600, began_s=now[0])
    assert allowance.wait_s(BURST_S) == 0
    allowance.spend(BURST_S)
    assert allowance.wait_s(3 * SPEED) == pytest.approx(3)
    now[0] += 3
    assert allowance.wait_s(3 * SPEED) == 0


def test_a_break_leaves_room_for_what_was_said_in_it(now: list[float]) -> None:
    allowance = Allowance(3600, began_s=now[0] - 180, heard_s=60)
    assert allowance.wait_s(120 + BURST_S) == 0


def test_the_time_before_a_new_beginning_leaves_a_burst_and_no_more(now: list[float]) -> None:
    allowance = Allowance(3600, began_s=now[0])
    allowance.spend(60)
    now[0] += 600
    allowance.restart()
    assert allowance.wait_s(BURST_S) == 0
    assert allowance.wait_s(BURST_S + SPEED) == pytest.approx(1)


def test_what_went_out_early_is_not_forgiven_by_a_new_beginning(now: list[float]) -> None:
    allowance = Allowance(3600, began_s=now[0])
    allowance.spend(BURST_S)
    allowance.restart()
    assert allowance.wait_s(SPEED) == pytest.approx(1)


def test_a_recording_has_an_end(now: list[float]) -> None:
    allowance = Allowance(20, began_s=now[0])
    allowance.spend(20)
    with pytest.raises(BadRequest, match="may have at most 20 seconds"):
        allowance.spend(0.1)
