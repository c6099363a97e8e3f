"""The schedule of checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from trainer.training.pacing import Pace


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def _begun_s(every_s: float | None, took_s: float, for_s: int) -> list[float]:
    """Seconds from the start at which checkpoints are written, with one step per second."""
    clock = Clock()
    pace, found = Pace(every_s, clock), []
    while clock.now_s < 1000.0 + for_s:
        clock.now_s += 1.0
        if pace.due:
            found.append(clock.now_s - 1000.0)
            with pace.writing():
                clock.now_s += took_s
    return found


@pytest.mark.parametrize(
    ("took_s", "begun_s"),
    [
        (1.0, [180.0, 361.0, 542.0]),
        (60.0, [180.0, 840.0, 1500.0]),  # ten times the minute that the last one took, after its end
        (400.0, [180.0, 4180.0, 8180.0]),  # at most an hour later
    ],
)
def test_writing_takes_at_most_a_tenth_of_the_time_and_a_kill_loses_at_most_an_hour(
    took_s: float, begun_s: list[float]
) -> None:
    assert _begun_s(None, took_s, 9000)[:3] == begun_s


def test_a_fixed_interval_holds_however_long_writing_takes() -> None:
    assert _begun_s(100.0, 60.0, 450) == [100.0, 260.0, 420.0]
    assert _begun_s(0.0, 60.0, 200) == [1.0, 62.0, 123.0, 184.0], "after every step"


def test_interval_0_writes_after_every_step_even_if_the_clock_stands_still() -> None:
    pace = Pace(0.0, Clock())
    assert pace.due
    with pace.writing():
        pass
    assert pace.due
