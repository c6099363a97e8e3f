"""Which process may take a station after an outage of Redis."""

from __future__ import annotations

from ingest.stations.precedence import Precedence


def test_no_precedence_at_start_and_while_redis_responds() -> None:
    precedence = Precedence(away_s=5, wait_s=20)
    for now_s in (100.0, 101.0, 105.9):
        precedence.answered(now_s)
        assert not precedence.others_first(now_s)


def test_others_take_precedence_after_an_outage() -> None:
    precedence = Precedence(away_s=5, wait_s=20)
    precedence.answered(100.0)
    precedence.answered(130.0)
    precedence.answered(131.0)
    assert precedence.others_first(149.9)
    assert not precedence.others_first(150.0)
