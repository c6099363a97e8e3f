"""Lease arithmetic, and the fair share of stations."""

from __future__ import annotations

import pytest

from ingest.live.lease import Hold, Term
from ingest.stations.supervisor import share


def test_term_is_held_until_it_expires() -> None:
    term = Term(renewed_s=100.0, ttl_s=9.0)
    assert term.hold(100.0) is Hold.HELD
    assert term.hold(108.9) is Hold.HELD
    assert term.hold(109.0) is Hold.UNSURE


def test_lost_lease_stays_lost() -> None:
    term = Term(renewed_s=100.0, ttl_s=9.0, lost=True)
    assert term.hold(101.0) is Hold.LOST
    assert not term.due(108.0)


def test_renewal_is_due_after_a_third_of_the_term() -> None:
    term = Term(renewed_s=100.0, ttl_s=9.0)
    assert not term.due(102.9)
    assert term.due(103.0)


@pytest.mark.parametrize(
    ("stations", "processes", "each"), [(0, 1, 0), (7, 1, 7), (7, 2, 4), (7, 3, 3), (1, 5, 1), (3, 0, 3)]
)
def test_shares_are_fair_and_cover_all_stations(stations: int, processes: int, each: int) -> None:
    assert share(stations, processes) == each
    assert each * max(1, processes) >= stations
