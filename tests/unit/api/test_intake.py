"""How much audio a client may send, and when."""

from __future__ import annotations

import time

import pytest

from api.microphones.intake import BURST_S, SPEED, Allowance
from wire.errors import BadRequest


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Both clocks."""
    now = [1000.0]
    for name in ("time", "monotonic"):
        monkeypatch.setattr(time, name, lambda: now[0])
    return now


def test_burst_is_accepted_at_once_and_the_rest_in_real_time(now: list[float]) -> None:
    allowance = Allowance(3600, began_s=now[0])
    assert allowance.wait_s(BURST_S) == 0
    allowance.spend(BURST_S)
    assert allowance.wait_s(3 * SPEED) == pytest.approx(3)
    now[0] += 3
    assert allowance.wait_s(3 * SPEED) == 0


def test_interruption_leaves_room_for_its_audio(now: list[float]) -> None:
    allowance = Allowance(3600, began_s=now[0] - 180, heard_s=60)
    assert allowance.wait_s(120 + BURST_S) == 0


def test_restart_leaves_only_a_burst(now: list[float]) -> None:
    allowance = Allowance(3600, began_s=now[0])
    allowance.spend(60)
    now[0] += 600
    allowance.restart()
    assert allowance.wait_s(BURST_S) == 0
    assert allowance.wait_s(BURST_S + SPEED) == pytest.approx(1)


def test_restart_does_not_forgive_early_audio(now: list[float]) -> None:
    allowance = Allowance(3600, began_s=now[0])
    allowance.spend(BURST_S)
    allowance.restart()
    assert allowance.wait_s(SPEED) == pytest.approx(1)


def test_recording_length_is_limited(now: list[float]) -> None:
    allowance = Allowance(20, began_s=now[0])
    allowance.spend(20)
    with pytest.raises(BadRequest, match="may have at most 20 seconds"):
        allowance.spend(0.1)
