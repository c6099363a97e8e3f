"""Who may take a station when Redis comes back."""

from __future__ import annotations

from ingest.precedence import Precedence


def test_at_a_start_and_while_redis_answers_nobody_waits() -> None:
    precedence = Precedence(away_s=5, wait_s=20)
    for now_s in (100.0, 101.0, 105.9):
        precedence.answered(now_s)
        assert not precedence.others_first(now_s)


def test_after_redis_was_away_the_others_come_first_for_a_while() -> None:
    precedence = Precedence(away_s=5, wait_s=20)
    precedence.answered(100.0)
    precedence.answered(130.0)
    precedence.answered(131.0)
    assert precedence.others_first(149.9)
    assert not precedence.others_first(150.0)
